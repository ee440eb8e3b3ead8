"""Outcome blocks: what became of the tests, as parts of a review's page.

Promises a sentence where they pass, and where they fail the names, what each says, whether it failed before the change
already, and the changed lines that the failures lead to; the repository's own checks are one click away. Nothing that a
test or a check says acts in them (see `markdown`).
"""

from collections.abc import Iterator
from typing import Final

from pipeline.review.finding_text import Link, name, place, short
from pipeline.review.fitting import Block, Section
from pipeline.review.markdown import cell, clip, code, fence, inline
from pipeline.review.page_blocks import HEADLINE_CHARACTERS_MAX, WORTH
from pipeline.review.reports import PASSING, CheckFact, FailedTest, TestOutcome, TestReport
from pipeline.review.wording import count, some

FAILED_TESTS_MAX: Final = 10
FLAKY_NAMED_MAX: Final = 5
LINES_MAX: Final = 8
"""Changed lines that failures lead to; the nearest ones come first in the report."""

CHECKS_MAX: Final = 40
"""Checks in the table, failed ones first."""

_PASS: Final = Section(name="tests")
_FAIL: Final = Section(name="tests", heading="### Tests")
_OUTPUT: Final = Section(name="output", folded="End of the test output")
_TABLE_HEAD: Final = ("| Check | Result | Required | Tries |", "| --- | --- | :-: | ---: |")


def blocks_of_tests(tests: TestReport | None, link: Link) -> Iterator[Block]:
    """Tell how the tests went."""
    if tests is None or tests.outcome is TestOutcome.NOT_ASKED:
        return  # Told under "Not reviewed".
    is_fine = tests.outcome is TestOutcome.PASSED
    sentence = inline(clip(tests.detail, HEADLINE_CHARACTERS_MAX))
    parts = [f"**Tests:** {sentence}" if is_fine else sentence, *_failed(tests, link), _flaky(tests), _met(tests, link)]
    text = "\n\n".join(filter(None, parts))
    yield Block(section=_PASS if is_fine else _FAIL, text=text, value=WORTH["tests"], noun="test result")
    if tests.checks:
        section = Section(name="checks", folded=_checks_in_short(tests.checks))
        table = "\n".join([*_TABLE_HEAD, *map(_check_row, tests.checks[:CHECKS_MAX])])
        yield Block(section=section, text=table, value=WORTH["output"], noun="table of checks")
    if tests.output_tail.strip() and not is_fine:
        yield Block(
            section=_OUTPUT, text=fence(tests.output_tail), value=WORTH["output"], noun="end of the test output"
        )


def _failed(tests: TestReport, link: Link) -> list[str]:
    shown = [_failed_test(failed, link) for failed in tests.failed[:FAILED_TESTS_MAX]]
    hidden = len(tests.failed) - len(shown)
    more = [f"- and {count(hidden, 'more failed test')}"] if hidden > 0 else []
    return ["\n".join([*shown, *more])] if shown else []


def _failed_test(failed: FailedTest, link: Link) -> str:
    where = f" {place(failed.path, failed.line, failed.line, link)}" if failed.path and failed.line else ""
    before = {True: " · fails without this change, too", False: " · new", None: ""}[failed.fails_on_base]
    message = short(failed.message)
    return f"- {name(failed.name)}{where}{before}{f': {message}' if message else ''}"


def _flaky(tests: TestReport) -> str:
    """Name what failed and passed on the same commit."""
    flaky = [failed.name for failed in tests.flaky] + [check.name for check in tests.checks if check.flaky]
    if not flaky:
        return ""
    named = some([name(one) for one in dict.fromkeys(flaky)], FLAKY_NAMED_MAX)
    return f"Flaky, failed and then passed on this very commit: {named}."


def _met(tests: TestReport, link: Link) -> str:
    """Name the changed lines that the failures lead to."""
    lines = [place(one.path, one.line, one.line, link) for one in tests.lines if one.changed]
    return f"The failures lead to lines that change here: {some(lines, LINES_MAX)}." if lines else ""


def _checks_in_short(checks: tuple[CheckFact, ...]) -> str:
    counts = {
        "failed": sum(check.conclusion not in PASSING | {"pending", "missing"} for check in checks),
        "not finished": sum(check.conclusion in {"pending", "missing"} for check in checks),
        "flaky": sum(check.flaky for check in checks),
    }
    told = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
    return f"{count(len(checks), 'check')} of the repository{f': {told}' if told else ''}"


def _check_row(check: CheckFact) -> str:
    required = {True: "yes", False: "no", None: ""}[check.required]
    before = ", as before this change" if check.fails_on_base and check.conclusion not in PASSING else ""
    flaky = ", flaky" if check.flaky else ""
    shown = code(clip(check.name, HEADLINE_CHARACTERS_MAX).replace("|", "¦"))
    return f"| {shown} | {cell(check.conclusion)}{before}{flaky} | {required} | {check.attempts} |"
