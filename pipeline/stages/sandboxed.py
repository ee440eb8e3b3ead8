"""Stage test, in the sandbox: runs the base branch's test command on a pull request's head, where it can do no harm.

Promises that a stranger's code runs only in a sandbox that has proved itself, and only where operator and base branch
both ask for it; on an export of the head's tree that has no git directory, so that nothing in it names this host; and
that where nothing was run the report says why, and the repository's own checks are read instead.
Does not promise that what the tests tell is true: they are the pull request's own code, and its report is its claim.

A worker that was killed leaves a directory behind, which the next one of the same stage removes; the sandbox itself
sees to its processes.
"""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, Protocol, assert_never

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.review.reports import Skipped, TestOutcome, TestReport
from pipeline.review.trial_report import Trial, TrialFile, named, trial_report
from pipeline.review.verdict import DID_NOT_FINISH
from pipeline.services.github.place import Place
from pipeline.services.pull_request import PullParams
from pipeline.services.report_files import FILE_PLACES, FOLDER_PLACES
from pipeline.services.sandbox.contract import Limit, NotRun, Outcome, Ran, Sandbox, Stopped
from pipeline.services.sandbox.limits import Limits
from pipeline.services.trial import SETTLE_SECONDS_MAX
from pipeline.services.trial import Place as TrialPlace

WHAT: Final = "tests in the sandbox"
"""What a report names that was not run."""

STOPPED_EXIT_CODE: Final = 124
"""As timeout(1) has it."""

CLAIM: Final = "This is what the pull request's own code tells of its tests."

OFF: Final = "the operator of Onceover offers no sandbox"
NO_COMMAND: Final = "`test.command` names none"
FORK: Final = "the pull request comes from a fork, and `test.forks` is off"


TOLD: Final[TypeAdapter[TestReport | Skipped]] = TypeAdapter(TestReport | Skipped)


class Testing(BaseModel):
    """What the base branch's configuration says."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    source: Literal["checks", "sandbox", "none"] = "checks"
    command: tuple[str, ...] = ()
    junit: str = ""
    seconds_max: float = Field(900, gt=0)
    forks: bool = False


class Params(PullParams):
    """What this stage reads."""

    merge_base: str
    is_fork: bool = True
    testing: Testing = Testing()


class Exporting(Protocol):
    """A repository that has the head's commit."""

    async def add_worktree(self, path: Path, commit: str) -> None:
        """Write the commit's files to the path, without hooks, filters, submodules or LFS."""

    async def remove_worktree(self, path: Path) -> None:
        """Remove what `add_worktree` made; nothing there is fine too."""


class Holding(Protocol):
    """Whoever brings commits to this host."""

    async def __call__(self, run_id: str, place: Place, commits: Sequence[str]) -> Exporting:
        """Answer the repository that has them, on behalf of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where and how tests of strangers are run here."""

    sandbox: Sandbox | None
    """None if the operator offers none."""
    limits: Limits
    holding: Holding
    trials: Path
    """Directory of ours for the exports."""


def make_sandboxed(ground: Ground, *, otherwise: StageFunction) -> StageFunction:
    """Make the stage.

    Args:
        ground: Where tests are run.
        otherwise: Reads the repository's own checks: where the sandbox is not asked for, and where it ran nothing.
    """

    async def test(ctx: StageContext) -> JsonValue:
        params = Params.model_validate(dict(ctx.params))
        if params.testing.source != "sandbox":
            return await otherwise(ctx)
        left = _left_out(ground, params)
        if left is None:
            told = await _run(ctx, ground, params)
            if isinstance(told, TestReport):
                return told.model_dump(mode="json")
            left = told
        await ctx.decide(f"nothing was run in the sandbox: {left.why}")
        report = TestReport.model_validate(await otherwise(ctx))
        return _instead(report, left).model_dump(mode="json")

    return test


def _left_out(ground: Ground, params: Params) -> Skipped | None:
    """Say why nothing is run, before anything is fetched."""
    if ground.sandbox is None:
        return Skipped(what=WHAT, why=OFF)
    if not params.testing.command:
        return Skipped(what=WHAT, why=NO_COMMAND)
    return Skipped(what=WHAT, why=FORK) if params.is_fork and not params.testing.forks else None


def _instead(report: TestReport, left: Skipped) -> TestReport:
    """Say in a report of the checks that it stands for one of the sandbox."""
    detail = f"{report.detail} Nothing was run in the sandbox: {left.why.removesuffix('.')}."
    return report.model_copy(update={"detail": detail, "skipped": (*report.skipped, left)})


async def _run(ctx: StageContext, ground: Ground, params: Params) -> TestReport | Skipped:
    """Run the command once; answer why not, if the sandbox ran nothing."""
    testing = params.testing
    place = TrialPlace.of(ground.trials, ctx.lease_mark)
    limits = replace(ground.limits, seconds=min(testing.seconds_max, ground.limits.seconds))

    async def run(head: str, command: list[JsonValue], junit: str) -> JsonValue:
        del command, junit  # Inputs, so that other ones are another step.
        git = await ground.holding(ctx.run_id, params.at, [params.merge_base, head])
        told: JsonValue = (await _try(ground, git, place, params, limits)).model_dump(mode="json")
        return told

    ctx.progress(f"running {named(testing.command)} in the sandbox")
    told = await ctx.step(
        "run in the sandbox",
        run,
        params.pull.head,
        [*testing.command],
        testing.junit,
        seconds_max=limits.seconds + SETTLE_SECONDS_MAX,
        observes=True,
    )
    found: TestReport | Skipped = TOLD.validate_python(told)
    if isinstance(found, Skipped) or found.outcome in DID_NOT_FINISH:
        ctx.partial()
    return found


async def _try(
    ground: Ground, git: Exporting, place: TrialPlace, params: Params, limits: Limits
) -> TestReport | Skipped:
    """Export, run, remove."""
    assert ground.sandbox is not None  # noqa: S101 - `_left_out` has looked.
    testing, tree = params.testing, place.path / "tree"
    wanted = (testing.junit,) if testing.junit else (*FILE_PLACES, *FOLDER_PLACES)
    for older in place.older():  # Of a worker that was killed.
        await git.remove_worktree(older)
    try:
        await asyncio.to_thread(place.path.mkdir, mode=0o700, parents=True, exist_ok=True)
        await git.add_worktree(tree, params.pull.head)
        await asyncio.to_thread(shutil.rmtree, tree / ".git")  # It names this host, and is no part of the tree.
        outcome = await ground.sandbox.run(testing.command, tree, limits, wanted=wanted)
        return await asyncio.to_thread(_judge, testing, limits, outcome, tree)
    finally:
        await git.remove_worktree(place.path)


def _judge(testing: Testing, limits: Limits, outcome: Outcome, tree: Path) -> TestReport | Skipped:
    """Judge what came out of the sandbox; large JUnit files take a second to parse."""
    match outcome:
        case NotRun():
            return Skipped(what=WHAT, why=f"{outcome.detail} {outcome.next_step}".strip().removesuffix("."), gap=True)
        case Stopped():
            report = trial_report(_stopped(testing, limits, outcome))
        case Ran():
            reports = tuple(
                TrialFile(path=path, content=content)
                for path, content in sorted(outcome.files.items())
                if path.endswith(".xml") or path == testing.junit
                if not _lay_there(tree, path, content)
            )
            report = trial_report(_ran(testing, outcome, reports))
        case _:
            assert_never(outcome)
    return report.model_copy(update={"detail": f"{report.detail} {CLAIM}"})


def _ran(testing: Testing, outcome: Ran, reports: tuple[TrialFile, ...]) -> Trial:
    return Trial(
        source="sandbox",
        command=testing.command,
        junit=testing.junit or None,
        exit_code=outcome.exit_code,
        stdout=outcome.stdout,
        stderr=outcome.stderr,
        seconds=outcome.seconds,
        reports=reports,
        needs_report=True,
    )


def _stopped(testing: Testing, limits: Limits, outcome: Stopped) -> Trial:
    is_time = outcome.limit is Limit.TIME
    return Trial(
        source="sandbox",
        command=testing.command,
        junit=None,  # It had no chance to write one.
        exit_code=STOPPED_EXIT_CODE,
        stdout=outcome.stdout,
        stderr=outcome.stderr,
        seconds=outcome.seconds,
        stopped=f" at its limit of {limits.seconds:g} s" if is_time else f": {outcome.detail.removesuffix('.')}",
        stopped_as=TestOutcome.TIMED_OUT if is_time else TestOutcome.COULD_NOT_RUN,
        stopped_step="Raise `test.seconds_max`, or run fewer tests." if is_time else "The operator sets this limit.",
    )


def _lay_there(tree: Path, path: str, content: bytes) -> bool:
    """Whether a report is a file of the commit, and tells nothing of this run; never looks through a link."""
    file = tree / path
    try:
        is_plain = file.resolve() == tree.resolve() / path and file.is_file()
        return is_plain and file.stat().st_size == len(content) and file.read_bytes() == content
    except (OSError, RuntimeError):  # A circle of links, in versions before 3.13.
        return False
