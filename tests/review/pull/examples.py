"""Examples of what stands on a pull request: `python -m tests.review.pull.examples` writes them anew."""

from collections.abc import Iterator, Mapping
from typing import Final

from pipeline.engine.lifecycle import RunState, StageState
from pipeline.review.configuration.problem import Problem
from pipeline.review.findings import Finding, Severity
from pipeline.review.pull.check_page import CheckPage, RunFacts, check_output
from pipeline.review.pull.stage_table import StageRow
from pipeline.review.pull.summary_page import Threads, summary_page
from pipeline.review.reports import Verdict
from tests.builders.pulls import HEAD, MINUTE_MS, NOW_MS, REPOSITORY_URL, a_run, a_stage, page_facts
from tests.builders.reports import a_finding
from tests.review import examples as local

DIRECTORY: Final = local.DIRECTORY
SUMMARY_URL: Final = f"{REPOSITORY_URL}/pull/7#issuecomment-1001"
RERUN: Final = (
    a_stage("prepare", seconds=0.4),
    a_stage("analyze"),
    a_stage("test", generation=2, seconds=251.3),
    a_stage("docs", seconds=0.3),
    a_stage("summarize", generation=2, seconds=2.1),
    a_stage("comment", StageState.RUNNING, generation=2, attempt=1),
)
"""After `/onceover rerun test`."""

CHECKS: Final = "the repository's own checks"


def comment() -> str:
    """Give the second review of a pull request: some findings stand beside their lines, one is fixed."""
    summary = local.findings()
    critical, high, *_ = summary.findings
    facts = page_facts(
        stages=RERUN,
        repository_url=REPOSITORY_URL,
        check_url=f"{REPOSITORY_URL}/runs/42",
        config_problems=(
            Problem(
                source=".github/onceover.yml",
                line=7,
                column=12,
                path="review.fail_on",
                message="`hihg` is none of critical, high, medium, low, info, never. Did you mean `high`?",
            ),
        ),
    )
    threads = Threads(
        inline={critical.fingerprint: f"{REPOSITORY_URL}/pull/7#discussion_r501", high.fingerprint: None},
        known={high.fingerprint},
        fixed=(fixed(),),
    )
    return summary_page(summary, facts, threads=threads)


def fixed() -> Finding:
    """Give a finding that was told before and is gone."""
    return a_finding(Severity.HIGH, title="Prices are compared as text", line=12)


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


def pages() -> Mapping[str, str]:
    """Give the published pages by name."""
    return {"app-comment": comment(), "app-check": check_pages()}


if __name__ == "__main__":
    assert local.FACTS.head == HEAD
    for name, page in pages().items():
        (DIRECTORY / f"{name}.md").write_text(page, encoding="utf-8")
