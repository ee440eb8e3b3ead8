"""A stage that runs tests, made to tell what failed before the change already."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.engine.stage import JsonValue, StageContext
from pipeline.review.reports import FailedTest, TestOutcome, TestReport
from pipeline.services.kept_results import KeptResults, Ran
from pipeline.stages.compared import compared
from pipeline.stages.planned import PlannedContext
from tests.builders.context import MemoryContext

HEAD, BASE = "a" * 40, "b" * 40


@dataclass(slots=True)
class Suite:
    """Tests that fail as is told for each commit."""

    failed: dict[str, tuple[str, ...]]
    ran: list[tuple[str, JsonValue]] = field(default_factory=list)
    source: str = "command"

    async def __call__(self, ctx: StageContext) -> JsonValue:
        """Run once for each commit."""

        async def run(head: str) -> JsonValue:
            testing = ctx.params["testing"]
            assert isinstance(testing, dict)
            self.ran.append((head, testing["seconds_max"]))
            return [*self.failed[head]]

        names = await ctx.step("run", run, str(ctx.params["head"]))
        assert isinstance(names, list)
        report = TestReport(
            outcome=TestOutcome.FAILED if names else TestOutcome.PASSED,
            source=self.source,
            command=("make",),
            tests_run=9,
            tests_failed=len(names),
            failed=tuple(FailedTest(name=str(name)) for name in names),
            detail="Done.",
        )
        written: JsonValue = report.model_dump(mode="json")
        return written


def context(head: str = HEAD, **more: JsonValue) -> MemoryContext:
    return MemoryContext(params={"head": head, "merge_base": BASE, "testing": {"seconds_max": 900}, **more})


async def compare(
    suite: Suite, place: Path, ctx: MemoryContext | None = None, *, base_seconds: float = 0
) -> TestReport:
    kept = KeptResults(directory=place / "kept")
    stage = compared(suite, kept=kept, with_params=PlannedContext, base_seconds_max=base_seconds)
    return TestReport.model_validate(await stage(ctx or context()))


async def test_a_failure_is_new_or_old_where_the_base_was_a_reviewed_head(tmp_path: Path) -> None:
    suite = Suite({BASE: ("old", "mended"), HEAD: ("old", "new")})
    await compare(suite, tmp_path, context(BASE, merge_base="c" * 40))

    report = await compare(suite, tmp_path)

    assert {one.name: one.fails_on_base for one in report.failed} == {"old": True, "new": False}
    assert (report.new_failures, report.detail) == (1, "Done. 1 failure on the base too, 1 new.")
    assert [head for head, _ in suite.ran] == [BASE, HEAD]


async def test_nothing_is_called_new_without_a_result_of_the_base(tmp_path: Path) -> None:
    suite = Suite({HEAD: ("a",)})

    report = await compare(suite, tmp_path)

    assert (report.new_failures, report.failed[0].fails_on_base) == (None, None)
    assert len(suite.ran) == 1, "the tests do not run on the base unless the operator says so"


async def test_failed_tests_run_on_the_base_where_the_operator_allows_time_for_it(tmp_path: Path) -> None:
    suite = Suite({BASE: (), HEAD: ("a",)})
    ctx = context()

    report = await compare(suite, tmp_path, ctx, base_seconds=60)
    again = await compare(suite, tmp_path, ctx.next_attempt(), base_seconds=60)

    assert suite.ran == [(HEAD, 900), (BASE, 60)]
    assert (report.new_failures, report.detail) == (1, "Done. None of them fails on the base.")
    assert again == report


async def test_tests_that_pass_cost_nothing_more(tmp_path: Path) -> None:
    suite = Suite({HEAD: ()})

    report = await compare(suite, tmp_path, base_seconds=60)

    assert (report.outcome, report.new_failures, len(suite.ran)) == (TestOutcome.PASSED, None, 1)


async def test_a_report_of_the_checks_is_let_through(tmp_path: Path) -> None:
    suite = Suite({HEAD: ("unit",)}, source="checks")

    report = await compare(suite, tmp_path, base_seconds=60)

    assert (report.new_failures, len(suite.ran)) == (None, 1)
    assert not (tmp_path / "kept").exists()


def test_a_result_is_found_for_the_same_command_place_and_commit_only(tmp_path: Path) -> None:
    kept = KeptResults(directory=tmp_path)
    ran = Ran(command=("make", "a b"), junit="r.xml", commit=HEAD)
    kept.keep(ran, ("t",))

    assert kept.find(ran) == ("t",)
    assert kept.find(Ran(command=("make", "a", "b"), junit="r.xml", commit=HEAD)) is None
    assert kept.find(Ran(command=("make", "a b"), junit="", commit=HEAD)) is None
    assert kept.find(Ran(command=("make", "a b"), junit="r.xml", commit=BASE)) is None


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1}', b"[1]", b"\xff"])
def test_a_result_that_cannot_be_read_is_not_there(tmp_path: Path, content: bytes) -> None:
    ran = Ran(command=("make",), junit="", commit=HEAD)
    (tmp_path / ran.name).write_bytes(content)

    assert KeptResults(directory=tmp_path).find(ran) is None


def test_old_results_go(tmp_path: Path) -> None:
    kept = KeptResults(directory=tmp_path)
    for number in range(1_003):
        (tmp_path / f"old{number}").write_text("[]")

    kept.keep(Ran(command=("make",), junit="", commit=HEAD), ())

    assert len(list(tmp_path.iterdir())) == 1_000
    assert kept.find(Ran(command=("make",), junit="", commit=HEAD)) == ()
