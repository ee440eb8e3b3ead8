"""Stage test in the sandbox: how each end of a run is judged, and what stands in where nothing was run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.engine.stage import JsonValue, StageContext
from pipeline.review.reports import TestOutcome, TestReport
from pipeline.services.github.place import Place
from pipeline.services.sandbox.contract import Limit, NotRun, Outcome, Ran, Stopped
from pipeline.services.sandbox.limits import Limits
from pipeline.stages.sandboxed import CLAIM, OFF, WHAT, Ground, make_sandboxed
from tests.builders.context import MemoryContext

REPORT = b'<testsuite><testcase name="a"/></testsuite>'


@dataclass(slots=True, kw_only=True)
class Bench:
    """A sandbox that ends as it is told, and a repository with one file. Implements `Sandbox` and `Exporting`."""

    outcome: Outcome
    files: dict[str, bytes] = field(default_factory=dict)
    seen: list[tuple[tuple[str, ...], Limits, tuple[str, ...], list[str]]] = field(default_factory=list)
    removed: list[Path] = field(default_factory=list)

    async def run(self, argv: Sequence[str], checkout: Path, limits: Limits, *, wanted: Sequence[str] = ()) -> Outcome:
        """Note what was asked."""
        self.seen.append((tuple(argv), limits, tuple(wanted), sorted(_names(checkout))))
        return self.outcome

    async def add_worktree(self, path: Path, commit: str) -> None:
        """Write the files, and a git directory that names the host."""
        del commit
        (path / ".git").mkdir(parents=True)
        for name, content in self.files.items():
            (path / name).write_bytes(content)

    async def remove_worktree(self, path: Path) -> None:
        """Note it."""
        self.removed.append(path)

    async def hold(self, run_id: str, place: Place, commits: Sequence[str]) -> "Bench":
        """Have them."""
        del run_id, place, commits
        return self


def _names(directory: Path) -> list[str]:
    return [one.name for one in directory.iterdir()]


async def checks(ctx: StageContext) -> JsonValue:
    """Stand in for the stage that reads the repository's checks."""
    del ctx
    report: JsonValue = TestReport(outcome=TestOutcome.PASSED, source="checks", detail="1 check passed.").model_dump(
        mode="json"
    )
    return report


def ran(exit_code: int = 0, stdout: bytes = b"", **files: bytes) -> Ran:
    named = {name.replace("_", "."): content for name, content in files.items()}
    return Ran(exit_code=exit_code, stdout=stdout, stderr=b"", seconds=1.0, files=named)


def stopped(limit: Limit, detail: str) -> Stopped:
    return Stopped(limit=limit, detail=detail, stdout=b"collecting", stderr=b"", seconds=1.0)


def context(**testing: JsonValue) -> MemoryContext:
    asked: dict[str, JsonValue] = {"source": "sandbox", "command": ["make", "test"], "junit": "report.xml", **testing}
    return MemoryContext(
        params={
            "pull": {"host": "github.test", "repository_id": 1, "number": 1, "head": "a" * 40},
            "place": {"installation": 1, "repository": "acme/shop"},
            "merge_base": "b" * 40,
            "is_fork": False,
            "testing": asked,
        }
    )


async def tried(bench: Bench, ctx: MemoryContext, place: Path, *, is_offered: bool = True) -> TestReport:
    ground = Ground(
        sandbox=bench if is_offered else None, limits=Limits(seconds=60), holding=bench.hold, trials=place / "trials"
    )
    return TestReport.model_validate(await make_sandboxed(ground, otherwise=checks)(ctx))


@pytest.mark.parametrize(
    ("outcome", "expected", "words"),
    [
        (ran(report_xml=REPORT), TestOutcome.PASSED, "0 of 1 test failed"),
        (ran(1), TestOutcome.FAILED, "exit code 1"),
        (ran(), TestOutcome.COULD_NOT_RUN, "did not write the report `report.xml`"),
        (ran(137), TestOutcome.COULD_NOT_RUN, "SIGKILL"),
        (ran(report_xml=b"<!DOCTYPE x>"), TestOutcome.COULD_NOT_RUN, "nothing tells of a test"),
        (stopped(Limit.TIME, "60 of 60 s."), TestOutcome.TIMED_OUT, "at its limit of 60 s"),
        (stopped(Limit.MEMORY, "2,050 of 2,048 MiB."), TestOutcome.COULD_NOT_RUN, "2,050 of 2,048 MiB"),
        (stopped(Limit.OUTPUT, "4,097 of 4,096 KiB."), TestOutcome.COULD_NOT_RUN, "The operator sets this limit."),
    ],
)
async def test_each_end_is_judged_and_told_as_a_claim(
    outcome: Outcome, expected: TestOutcome, words: str, tmp_path: Path
) -> None:
    """Security cases 58 to 63 and 73, as the review shows them."""
    ctx = context()

    report = await tried(Bench(outcome=outcome), ctx, tmp_path)

    assert (report.outcome, report.source, ctx.is_partial) == (
        expected,
        "sandbox",
        expected in {TestOutcome.TIMED_OUT, TestOutcome.COULD_NOT_RUN},
    )
    assert words in report.detail
    assert report.detail.endswith(CLAIM)


async def test_a_sandbox_that_did_not_prove_itself_runs_nothing_and_the_checks_speak(tmp_path: Path) -> None:
    """Security case 72."""
    ctx = context()

    report = await tried(Bench(outcome=NotRun(detail="It did not prove itself.", next_step="Look.")), ctx, tmp_path)

    assert (report.outcome, report.source, ctx.is_partial) == (TestOutcome.PASSED, "checks", True)
    [left] = report.skipped
    assert (left.what, left.why, left.gap) == (WHAT, "It did not prove itself. Look", True)
    assert report.detail == "1 check passed. Nothing was run in the sandbox: It did not prove itself. Look."


async def test_where_the_operator_offers_none_nothing_is_fetched(tmp_path: Path) -> None:
    bench = Bench(outcome=ran())

    report = await tried(bench, context(), tmp_path, is_offered=False)

    assert [(one.what, one.why, one.gap) for one in report.skipped] == [(WHAT, OFF, False)]
    assert (bench.seen, bench.removed) == ([], [])


async def test_the_sandbox_gets_the_tree_without_git_and_the_smaller_of_two_limits(tmp_path: Path) -> None:
    bench = Bench(outcome=ran(report_xml=REPORT), files={"Makefile": b"test:\n"})

    await tried(bench, context(seconds_max=5), tmp_path)
    await tried(bench, context(seconds_max=500), tmp_path)

    assert [(argv, limits.seconds, wanted, tree) for argv, limits, wanted, tree in bench.seen] == [
        (("make", "test"), seconds, ("report.xml",), ["Makefile"]) for seconds in (5, 60)
    ]
    assert all(path.parent == tmp_path / "trials" for path in bench.removed)


async def test_a_finished_run_is_not_done_again(tmp_path: Path) -> None:
    bench = Bench(outcome=ran(report_xml=REPORT))
    ctx = context()

    first = await tried(bench, ctx, tmp_path)
    again = await tried(bench, ctx.next_attempt(), tmp_path)

    assert (first, len(bench.seen)) == (again, 1)


async def test_output_and_secrets_of_a_strangers_tests_are_made_safe(tmp_path: Path) -> None:
    """Security cases 108 and 109."""
    canary = b"ghp_" + b"c4n4ry" * 6
    bench = Bench(outcome=ran(1, stdout=b"\x1b[31mred\x1b[0m \xe2\x80\xae " + canary))

    report = await tried(bench, context(), tmp_path)

    assert report.output_tail == "red <U+202E> <secret:github-token:medium>"
