"""Check report: what the repository's own checks come to, told for every way they can end.

Promises that failed and passed are said only of checks that are finished; that what could not be read or did not
finish is named, once, with what would help; that a check which failed and passed on the same commit is called flaky and
not failed; and that all text is visible, without secrets of well-known form, and bounded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import Field

from pipeline.review.failures import Place, places, tie
from pipeline.review.job_log import EXCERPT_CHARACTERS_MAX, ending
from pipeline.review.reports import CheckFact, FailedTest, Report, Skipped, TestOutcome, TestReport, TiedLine
from pipeline.review.repository_checks import Check, Required, Seen
from pipeline.review.wording import capitalised, count, listed, some

CHECKS_MAX: Final = 100
"""Checks that a report holds, failed ones first; the rest is counted in its sentence."""

NAMED_MAX: Final = 3
"""Names in a sentence; the rest is counted."""

NAME_CHARACTERS_MAX: Final = 120
MESSAGE_CHARACTERS_MAX: Final = 500

FAILED_MAX: Final = 20
"""Failed tests or lines of one check."""

NO_LOGS: Final = Skipped(
    what="logs of failed checks",
    why="this installation does not grant the App the permission `actions: read`, which logs and failed steps need",
)
NO_STATUSES: Final = Skipped(
    what="commit statuses",
    why="this installation does not grant the App the permission `statuses: read`; CI that reports in this older way"
    " was not seen",
)
RULES_UNKNOWN: Final = Skipped(
    what="required checks",
    why="the rules of the base branch could not be read whole, so all checks were looked at",
)


class Details(Report):
    """What a failed check says of its failure."""

    steps: tuple[str, ...] = ()
    message: str = ""
    failed: tuple[FailedTest, ...] = ()
    excerpt: Annotated[str, Field(description="The end of its log.")] = ""
    places: Annotated[tuple[tuple[str, int], ...], Field(description="Paths and lines that it names.")] = ()
    logs_are_hidden: Annotated[bool, Field(description="Its log may not be read.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a report is made from."""

    seen: Seen
    required: Required = field(default_factory=Required)
    only_required: bool = False
    base: Mapping[str, str] = field(default_factory=dict)
    """Conclusions on the merge base, by name."""
    details: Mapping[str, Details] = field(default_factory=dict)
    """Of failed checks, by `key`."""
    changed: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Changed lines by path, of files that the details name."""
    waited_minutes: int = 0


def key(check: Check) -> str:
    """Name a check among all of its commit."""
    return f"{check.kind} {check.suite} {check.id} {check.name}"


def named_places(details: Details) -> tuple[Place, ...]:
    """List where a failure was noticed, as its annotations, failed tests and traces tell."""
    told = [Place(path=one.path, line=one.line) for one in details.failed if one.path and one.line]
    traced = [Place(path=path, line=line) for path, line in details.places]
    return tuple(dict.fromkeys([*told, *traced]))


def traced(text: str) -> tuple[tuple[str, int], ...]:
    """Find the places in a text, in a form that a record holds."""
    return tuple((one.path, one.line) for one in places(text))


def none_there() -> TestReport:
    """Report that nobody checks the commit."""
    why = "no check of the repository's own stands on this commit"
    return TestReport(
        outcome=TestOutcome.NOT_ASKED,
        source="checks",
        detail=f"{capitalised(why)}.",
        skipped=(Skipped(what="tests", why=why),),
    )


def nothing_required() -> TestReport:
    """Report that only required checks are wanted, and none is required."""
    why = "`test.required_checks_only` is on, and the base branch requires no check"
    return TestReport(
        outcome=TestOutcome.NOT_ASKED,
        source="checks",
        detail=f"The tests were not looked at: {why}.",
        skipped=(Skipped(what="tests", why=why),),
    )


def make_report(evidence: Evidence) -> TestReport:
    """Make the report of a commit that has checks."""
    facts = tuple(_fact(one, evidence) for one in evidence.seen.checks)
    missing = tuple(
        CheckFact(name=name, conclusion="missing", required=True) for name in evidence.seen.missing(evidence.required)
    )
    failed = [fact for one, fact in zip(evidence.seen.checks, facts, strict=True) if one.is_failed]
    ranked = sorted((*facts, *missing), key=_rank)
    unfinished = _unfinished(evidence)
    logs = [one.excerpt for one in evidence.details.values() if one.excerpt]
    return TestReport(
        outcome=_outcome(evidence, is_open=bool(unfinished)),
        source="checks",
        failed=tuple(_failed_test(fact) for fact in failed[:FAILED_MAX]),
        checks=tuple(ranked[:CHECKS_MAX]),
        lines=_lines(facts),
        new_failures=_new_failures(failed),
        output_tail=ending("\n".join(logs), EXCERPT_CHARACTERS_MAX),
        detail=" ".join(_sentences(evidence, failed, facts)),
        skipped=(*unfinished, *_unread(evidence)),
    )


def _fact(check: Check, evidence: Evidence) -> CheckFact:
    details = evidence.details.get(key(check), Details())
    return CheckFact(
        name=check.name[:NAME_CHARACTERS_MAX],
        source=check.app or "status",
        conclusion=check.conclusion,
        required=evidence.required.of(check),
        url=check.url or None,
        attempts=check.attempts,
        flaky=check.is_flaky,
        base=evidence.base.get(check.name),
        steps=details.steps,
        message=(details.message or check.title)[:MESSAGE_CHARACTERS_MAX] if check.is_failed else "",
        failed=details.failed[:FAILED_MAX],
        lines=tie(named_places(details), evidence.changed),
    )


def _rank(fact: CheckFact) -> tuple[int, int, str]:
    """Failed before missing before pending before flaky before passed; required before others."""
    order = {"failed": 0, "missing": 1, "pending": 2, "flaky": 3, "passed": 4}
    return order[_kind(fact)], 0 if fact.required else 1, fact.name


def _kind(fact: CheckFact) -> str:
    if fact.conclusion in {"missing", "pending"}:
        return fact.conclusion
    if fact.flaky:
        return "flaky"
    return "passed" if fact.conclusion in {"success", "neutral", "skipped"} else "failed"


def _failed_test(fact: CheckFact) -> FailedTest:
    """Tell a failed check as the one failed thing that it is, at the line that the change has touched."""
    first = next(iter(fact.lines), None)
    return FailedTest(
        name=fact.name,
        message=fact.message,
        path=first.path if first else None,
        line=first.line if first else None,
        fails_on_base=fact.fails_on_base,
    )


def _lines(facts: Sequence[CheckFact]) -> tuple[TiedLine, ...]:
    return tuple({(one.path, one.line): one for fact in facts for one in fact.lines}.values())


def _new_failures(failed: Sequence[CheckFact]) -> int | None:
    """Count the failures that the base has not; not known if the base was not asked for one of them."""
    if any(fact.fails_on_base is None for fact in failed):
        return None
    return sum(not fact.fails_on_base for fact in failed)


def _outcome(evidence: Evidence, *, is_open: bool) -> TestOutcome:
    if evidence.seen.failed:
        return TestOutcome.FAILED
    return TestOutcome.TIMED_OUT if is_open else TestOutcome.PASSED


def _unfinished(evidence: Evidence) -> tuple[Skipped, ...]:
    """Say what is not known of the tests, as a gap."""
    gaps: list[str] = []
    if pending := evidence.seen.pending:
        gaps.append(f"{_names(pending)} did not finish within {count(evidence.waited_minutes, 'minute')}")
    if missing := evidence.seen.missing(evidence.required):
        gaps.append(f"{_names(missing)}, which the base branch requires, did not appear on this commit")
    return tuple(Skipped(what="tests", why=why, gap=True) for why in gaps)


def _unread(evidence: Evidence) -> tuple[Skipped, ...]:
    """Say, each once, what this installation does not let us read."""
    unread: list[Skipped] = []
    if any(one.logs_are_hidden for one in evidence.details.values()):
        unread.append(NO_LOGS)
    if evidence.seen.statuses_are_hidden:
        unread.append(NO_STATUSES)
    if evidence.only_required and not evidence.required.is_whole:
        unread.append(RULES_UNKNOWN)
    return tuple(unread)


def _sentences(evidence: Evidence, failed: Sequence[CheckFact], facts: Sequence[CheckFact]) -> list[str]:
    sentences = [_first_sentence(evidence, failed)]
    known = [fact for fact in failed if fact.fails_on_base]
    if known:
        whose = "It fails" if len(failed) == 1 else f"{_names([fact.name for fact in known])} {_fails(known)}"
        sentences.append(f"{whose} on the base too.")
    if failed and evidence.required.checks and all(fact.required is False for fact in failed):
        sentences.append("The base branch does not require what failed.")
    flaky = [fact.name for fact in facts if fact.flaky]
    if flaky:
        sentences.append(f"{_names(flaky)} failed on this commit and passed when run again: flaky.")
    return sentences


def _first_sentence(evidence: Evidence, failed: Sequence[CheckFact]) -> str:
    which = "required check" if evidence.only_required and evidence.required.is_whole else "check"
    total = count(len(evidence.seen.checks), which)
    parts: list[str] = []
    if failed:
        parts.append(f"{len(failed)} of {total} of the repository failed: {_names([one.name for one in failed])}")
    if pending := evidence.seen.pending:
        parts.append(f"{len(pending)} of {total} did not finish: {_names(pending)}")
    if missing := evidence.seen.missing(evidence.required):
        parts.append(f"{count(len(missing), 'required check')} did not appear: {_names(missing)}")
    return f"{'; '.join(parts)}." if parts else f"{total} of the repository passed."


def _names(names: Sequence[str]) -> str:
    cut = [name[:NAME_CHARACTERS_MAX] for name in names]
    return some(cut, NAMED_MAX) if len(cut) > NAMED_MAX else listed(cut)


def _fails(facts: Sequence[CheckFact]) -> str:
    return "fails" if len(facts) == 1 else "fail"
