"""Examples of what stands on a pull request: `python -m tests.review.pull.examples` writes all examples anew."""

# ruff: noqa: ANN401 - the fields are keyword arguments of pydantic models, which check them.

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from pipeline.engine.lifecycle import RunState, StageState
from pipeline.review.configuration.problem import Problem
from pipeline.review.finding_text import link_to, short_id
from pipeline.review.findings import Finding, Severity
from pipeline.review.left_out import left_out
from pipeline.review.pull import replies
from pipeline.review.pull.check_page import CheckPage, RunFacts, check_output
from pipeline.review.pull.dismissals import Dismissal
from pipeline.review.pull.explanation import Provenance
from pipeline.review.pull.follow_up import FollowUp
from pipeline.review.pull.inline import InlineRules, choose_inline
from pipeline.review.pull.stage_table import StageRow
from pipeline.review.pull.summary_page import summary_page
from pipeline.review.pull.told_findings import Threads
from pipeline.review.reports import (
    AnalysisReport,
    CheckFact,
    FailedTest,
    Skipped,
    Spend,
    TestOutcome,
    TestReport,
    TiedLine,
    Verdict,
)
from pipeline.review.summary import judged_without
from tests.builders.pulls import HEAD, MINUTE_MS, NOW_MS, REPOSITORY_URL, a_run, a_stage, files_with, page_facts
from tests.builders.reports import a_file, a_finding, a_summary, a_test_report, an_analysis, asked
from tests.review import examples as local
from tests.review.hostile_text import HOSTILE

DIRECTORY: Final = local.DIRECTORY
SUMMARY_URL: Final = f"{REPOSITORY_URL}/pull/7#issuecomment-1001"
RERUN: Final = (
    a_stage("analyze"),
    a_stage("test", generation=2, seconds=251.3),
    a_stage("docs", seconds=0.3),
    a_stage("summarize", generation=2, seconds=2.1),
)
"""After `/onceover rerun test`."""

CHECKS: Final = "the repository's own checks"


FACTS: Final = page_facts(stages=RERUN, repository_url=REPOSITORY_URL, check_url=f"{REPOSITORY_URL}/runs/42")
FIRST_TRY: Final = tuple(
    a_stage(name, seconds=seconds)
    for name, seconds in {"analyze": 14.2, "test": 251.3, "docs": 0.3, "summarize": 2.1}.items()
)
SPEND: Final = Spend(calls=2, prompt_tokens=3_120, completion_tokens=640, priced_calls=2, cost_nanodollars=1_560_000)
WALKTHROUGH: Final = (
    "Discounts are now taken off each line before the total is made, where they were taken off the total before. "
    "Receipts show the price of each line as it is paid."
)


def comments() -> Mapping[str, str]:
    """Give summary comments by the day that they show."""
    return {
        "app-no-findings": no_findings(),
        "app-one-finding": one_finding(),
        "app-hundred-findings": hundred_findings(),
        "app-degraded": degraded(),
        "app-everything-broken": everything_broken(),
        "app-rerun": rerun(),
        "app-follow-up": follow_up(),
        "app-dismissed": dismissed(),
        "app-large": large(),
        "app-ci-red": ci_red(),
        "app-hostile": hostile(),
    }


def no_findings() -> str:
    """Give the page of a good day."""
    return summary_page(a_summary(read_by_model()), replace(FACTS, stages=FIRST_TRY))


def one_finding() -> str:
    """Give a page with one finding, which stands beside its line."""
    finding = a_high_finding()
    threads = Threads(inline={finding.fingerprint: f"{REPOSITORY_URL}/pull/7#discussion_r501"})
    return summary_page(a_summary(read_by_model(finding)), replace(FACTS, stages=FIRST_TRY), threads=threads)


def hundred_findings() -> str:
    """Give a page with far too many findings: the worst openly, the others one click away."""
    severities = [*[Severity.CRITICAL] * 2, *[Severity.HIGH] * 18, *[Severity.MEDIUM] * 40, *[Severity.LOW] * 40]
    findings = [
        a_finding(
            severity,
            path=f"shop/part_{number % 7}.py",
            line=10 + number,
            title=f"The total of part {number} ignores the discount",
            claim=f"`total_{number}()` adds the prices before the discount is taken off, so the customer pays in full.",
        )
        for number, severity in enumerate(severities)
    ]
    threads = Threads(inline={finding.fingerprint: None for finding in findings[:25]})
    files = tuple(a_file(f"shop/part_{number}.py", added=120, removed=14) for number in range(7))
    summary = a_summary(read_by_model(*findings, files=files))
    return summary_page(summary, replace(FACTS, stages=FIRST_TRY), threads=threads)


def degraded() -> str:
    """Give a page of a review with gaps."""
    return summary_page(local.degraded(), replace(FACTS, stages=DEGRADED))


def everything_broken() -> str:
    """Give a page of a review of which nothing came."""
    facts = replace(FACTS, stages=BROKEN, config_problems=(PROBLEM,))
    return summary_page(local.nothing_reviewed(), facts)


def rerun() -> str:
    """Give a page after `/onceover rerun test`."""
    return summary_page(a_summary(read_by_model()), replace(FACTS, reruns=1, stages=RERUN))


def follow_up() -> str:
    """Give the page of a second push: findings beside their lines, fixed ones, one that nobody looked at again."""
    summary = local.findings()
    critical, high, *_ = summary.findings
    threads = Threads(
        inline={critical.fingerprint: f"{REPOSITORY_URL}/pull/7#discussion_r501", high.fingerprint: None},
        follow_up=FollowUp(
            since="5e8a1c7d9b3f2e4a6c8d0b1f3e5a7c9d2b4f6e80",
            known=frozenset({high.fingerprint}),
            fixed=(a_finding(Severity.HIGH, title="Prices are compared as text", line=12),),
            gone=(a_finding(path="shop/legacy.py", title="The old cart is emptied twice", line=12),),
            unseen=(a_finding(path="shop/stock.py", title="Stock may become negative", line=88),),
        ),
    )
    return summary_page(summary, replace(FACTS, config_problems=(PROBLEM,)), threads=threads)


def dismissed() -> str:
    """Give a page of which the worst finding was dismissed: it asks for no changes any more."""
    finding, said = a_high_finding(), Dismissal(by="alice", reason="The discount is taken off in `checkout`, see #12.")
    note = a_finding(title="An empty order raises `IndexError`", line=57, claim="A cart may be empty.", confidence=0.7)
    whole = a_summary(read_by_model(finding, note))
    summary = judged_without(whole, {finding.fingerprint}, asked())
    threads = Threads(inline={note.fingerprint: None}, dismissed=[(finding, said)])
    return summary_page(summary, replace(FACTS, stages=FIRST_TRY), threads=threads)


def large() -> str:
    """Give the page of a pull request that is too large to be read whole."""
    files = tuple(a_file(f"shop/module_{number}.py", added=90, removed=20) for number in range(60))
    generated = [(f"shop/generated/api_{number}.py", "generated by a program") for number in range(45)]
    unread = [(f"shop/module_{number}.py", "more than a model reads in one review") for number in range(38, 60)]
    skipped = (
        Skipped(what="uv.lock", why="a lock file, written by a program"),
        Skipped(what="logo.png", why="not text"),
        *left_out(generated, gap=False),
        *left_out(unread, gap=True),
    )
    spend = Spend(calls=9, prompt_tokens=88_214, completion_tokens=6_020, priced_calls=9, cost_nanodollars=41_300_000)
    analysis = read_by_model(a_high_finding(), files=files, files_total=107, skipped=skipped, spend=spend)
    return summary_page(a_summary(analysis), replace(FACTS, stages=FIRST_TRY))


def ci_red() -> str:
    """Give the page of a pull request whose own checks fail."""
    return summary_page(a_summary(read_by_model(), failing_checks()), replace(FACTS, stages=FIRST_TRY))


def hostile() -> str:
    """Give the page of a pull request that tries to act in every field."""
    texts = [text.encode("utf-8", "replace").decode() for text in HOSTILE]
    findings = [a_finding(title=text[:200], claim=text, path=text, suggestion=text) for text in texts]
    summary = a_summary(read_by_model(*findings, walkthrough="\n\n".join(texts)))
    facts = replace(FACTS, title=texts[0], head_ref=texts[1], stages=FIRST_TRY)
    return summary_page(summary, facts)


def read_by_model(*findings: Finding, **fields: Any) -> AnalysisReport:
    """Make a report of analysers and a model that read two files."""
    files = (a_file("shop/order.py", added=31, removed=12), a_file("tests/test_order.py", added=24, removed=0))
    ordinary = {
        "files": files,
        "tools": ("ruff 0.17.6", "bandit 1.9.4"),
        "model": "gpt-test",
        "walkthrough": WALKTHROUGH,
        "spend": SPEND,
    }
    return an_analysis(*findings, **{**ordinary, **fields})


def a_high_finding() -> Finding:
    """Make a finding with a suggestion."""
    return a_finding(
        Severity.HIGH,
        line=42,
        line_end=44,
        claim="`total()` adds the prices before `apply_discount` has run, so the customer pays in full.",
        confidence=0.9,
        suggestion="    discounted = [apply_discount(line) for line in self.lines]\n"
        "    return sum(line.price for line in discounted)",
    )


def failing_checks() -> TestReport:
    """Make a report of the repository's own checks: one fails, one passed at the second try, one failed before."""
    lines = (TiedLine(path="shop/order.py", line=43, changed=True), TiedLine(path="shop/order.py", line=12))
    failed = FailedTest(
        name="tests (3.12)", message="assert 100 == 90", path="tests/test_order.py", line=12, fails_on_base=False
    )
    before = FailedTest(name="links", message="404 Not Found", fails_on_base=True)
    checks = (
        CheckFact(name="tests (3.12)", conclusion="failure", required=True, base="success", lines=lines),
        CheckFact(name="links", conclusion="failure", required=False, base="failure"),
        CheckFact(name="browser", conclusion="success", required=True, attempts=2, flaky=True),
        CheckFact(name="lint", conclusion="success", required=True),
        CheckFact(name="deploy preview", conclusion="skipped", required=False),
    )
    return a_test_report(
        TestOutcome.FAILED,
        command=(),
        exit_code=None,
        source="checks",
        tests_run=None,
        tests_failed=None,
        failed=(failed, before),
        checks=checks,
        lines=lines,
        new_failures=1,
        detail="2 of 5 checks failed: `tests (3.12)` and `links`, which failed before this change already.",
        output_tail="FAILED tests/test_order.py::test_total_with_discount - assert 100 == 90",
    )


PROBLEM: Final = Problem(
    source=".github/onceover.yml",
    line=7,
    column=12,
    path="review.fail_on",
    message="`hihg` is none of critical, high, medium, low, info, never. Did you mean `high`?",
)
DEGRADED: Final = (
    a_stage("analyze", attempt=3, seconds=921),
    a_stage("test", seconds=900.4),
    a_stage("docs", StageState.FAILED, attempt=3, error="no space left on the device"),
    a_stage("summarize", seconds=0.2),
)
BROKEN: Final = tuple(
    a_stage(name, StageState.FAILED, attempt=3, error="the repository could not be read")
    for name in ("analyze", "test", "docs")
)


def checks() -> Mapping[str, RunFacts]:
    """Give runs by what a reader would call them."""
    return {
        "Under way": a_run(RunState.RUNNING, *_under_way(a_stage("analyze", StageState.RUNNING, attempt=1))),
        "Waiting for CI": a_run(RunState.WAITING, *_under_way(a_stage("analyze"))),
        "The model is out of reach": a_run(RunState.WAITING, *_under_way(_parked_model())),
        "Reviewed, no remarks": a_run(
            verdict=Verdict.CLEAN,
            headline="3 changed files, read by ruff 0.17.6 and gpt-test. The tests pass.",
            summary_url=SUMMARY_URL,
        ),
        "Reviewed, changes needed": a_run(
            verdict=Verdict.CHANGES_NEEDED,
            headline="2 of 14 tests fail. Findings to fix: 1 critical, 1 high.",
            summary_url=SUMMARY_URL,
        ),
        "Partly reviewed": a_run(
            RunState.DONE,
            a_stage("prepare", seconds=0.4),
            a_stage("analyze"),
            a_stage(
                "test", StageState.FAILED, attempt=3, error="`pytest -q` needs a Docker daemon, and there is none."
            ),
            a_stage("docs", seconds=0.3),
            a_stage("summarize", seconds=2.1),
            a_stage("comment", seconds=1.2),
            verdict=Verdict.PARTIAL,
            headline="This review has gaps: test. 1 remark, below high.",
            summary_url=SUMMARY_URL,
        ),
        "Not wanted": a_run(
            RunState.DONE,
            a_stage("prepare", seconds=0.4),
            *(a_stage(name, StageState.SKIPPED) for name in ("analyze", "test", "docs", "summarize", "comment")),
            skipped_why="this is a draft, and `filters.drafts` is off",
        ),
        "Could not review": a_run(
            RunState.DEAD,
            a_stage("prepare", StageState.FAILED, attempt=6, error=_NO_ACCESS),
            *(a_stage(name, StageState.CANCELLED) for name in ("analyze", "test", "docs", "summarize", "comment")),
            next_attempt_ms=NOW_MS + 30 * MINUTE_MS,
        ),
        "Superseded": a_run(RunState.SUPERSEDED, *_stopped()),
        "Cancelled": a_run(RunState.CANCELLED, *_stopped()),
    }


_NO_ACCESS: Final = (
    "Reading acme/shop was refused with 403: the installation does not have `contents: read`. "
    "Accept the new permissions on the installation's page, then run it again."
)


def _stopped() -> Iterator[StageRow]:
    yield a_stage("prepare", seconds=0.4)
    yield a_stage("analyze")
    for name in ("test", "docs", "summarize", "comment"):
        yield a_stage(name, StageState.CANCELLED)


def _under_way(analyze: StageRow) -> Iterator[StageRow]:
    yield a_stage("prepare", seconds=0.4)
    yield analyze
    yield a_stage("test", StageState.PARKED, attempt=1, waits_for=CHECKS, wake_at_ms=NOW_MS + 30 * MINUTE_MS)
    yield a_stage("docs", seconds=0.3)
    yield a_stage("summarize", StageState.PENDING)
    yield a_stage("comment", StageState.PENDING)


def _parked_model() -> StageRow:
    error = "gpt-test answered 503 five times; the circuit is open"
    return a_stage("analyze", StageState.PARKED, attempt=2, wake_at_ms=NOW_MS + 4 * MINUTE_MS, error=error)


def check_pages() -> str:
    """Set the check runs of all these runs one below the other, as GitHub shows them."""
    about = "<!-- Several check runs, one below the other; on GitHub each is a page of its own. -->"
    return "\n\n".join([about, *(_shown(name, check_output(run)) for name, run in checks().items())]) + "\n"


def _shown(name: str, page: CheckPage) -> str:
    buttons = " ".join(f"`[ {button.label} ]`" for button in page.actions)
    parts = [
        f"# {name}: `{page.conclusion or page.status}`",
        f"## {page.title}",
        buttons,
        page.summary,
        page.text or "",
    ]
    return "\n\n".join(filter(None, parts))


def remarks() -> str:
    """Set remarks beside their lines one below the other: one that a click takes over, one that shows a diff."""
    finding = a_finding(
        Severity.HIGH,
        line=41,
        line_end=43,
        confidence=0.9,
        suggestion="        for line in self.discounted():\n            check(line)",
    )
    script = finding.model_copy(update={"path": ".github/workflows/release.yml"})
    places = [(finding, files_with()), (script, files_with(path=script.path))]
    bodies = [
        comment.body
        for one, files in places
        for comment in choose_inline([one], files, posted=(), rules=InlineRules()).comments
    ]
    about = "<!-- Several remarks, one below the other; on GitHub each stands beside its lines. -->"
    return "\n\n---\n\n".join([about, *bodies]) + "\n"


def answers() -> str:
    """Set answers to commands one below the other."""
    read = Provenance(
        tools=("ruff 0.17.6", "bandit 1.9.4"),
        model="gpt-test",
        steps={"turn": 4, "tool": 11},
        decisions=(
            "read shop/order.py in 4 turns with 11 tool calls; it ended by: an answer",
            "stands: shop/order.py:42 The total ignores the discount: `total()` is called before `apply_discount`.",
        ),
    )
    finding = a_high_finding().model_copy(update={"evidence": "        total += line.price"})
    rule = a_finding(source="ruff:F841", title="`price` is assigned to and never used", claim="It may be left out.")
    said = {
        f"/onceover explain {short_id(finding)}": replies.explained(finding, read, link=link_to(REPOSITORY_URL, HEAD)),
        f"/onceover explain {short_id(rule)}": replies.explained(rule, read, Dismissal(by="alice", reason="Later.")),
        f"/onceover dismiss {short_id(finding)} it is meant so": replies.dismissed(finding, "it is meant so"),
        f"/onceover dismiss {short_id(finding)} --undo": replies.undismissed(finding.fingerprint, HEAD),
        "/onceover explain 1234567": replies.no_such_finding("1234567", HEAD, [finding, rule]),
        "/onceover help": replies.helped(),
    }
    about = "<!-- Several answers, one below the other; on GitHub each is a comment of its own. -->"
    shown = [f"# `{command}`\n\n{reply.text}" for command, reply in said.items()]
    return "\n\n".join([about, *shown]) + "\n"


def pages() -> Mapping[str, str]:
    """Give the published pages by name."""
    return {**comments(), "app-check": check_pages(), "app-remarks": remarks(), "app-answers": answers()}


if __name__ == "__main__":
    assert local.FACTS.head == HEAD
    local.write()
    for name, page in pages().items():
        (DIRECTORY / f"{name}.md").write_text(page, encoding="utf-8")
