"""Compared: a stage that runs tests, made to tell what failed before the change already.

The result of every whole run is kept on this host, by command and commit. When tests fail, the merge base's result is
looked for there; it is there when the base was itself a reviewed head. Else, if the operator allows time for it, the
same stage runs on the merge base. Costs nothing where tests pass, and one look where they fail.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.review.base_results import against_base, whole_failures
from pipeline.review.reports import TestOutcome, TestReport
from pipeline.services.kept_results import KeptResults, Ran

WithParams: TypeAlias = Callable[[StageContext, Mapping[str, JsonValue]], StageContext]
"""Makes the same context with other parameters."""


class _Head(BaseModel):
    model_config = ConfigDict(extra="ignore")

    head: str


class _Asked(BaseModel):
    """What of the parameters tells which commits are compared."""

    model_config = ConfigDict(extra="ignore")

    pull: _Head | None = None
    head: str = ""
    merge_base: str = ""


def compared(
    stage: StageFunction, *, kept: KeptResults, with_params: WithParams, base_seconds_max: float
) -> StageFunction:
    """Make a stage compare.

    Args:
        stage: Runs the tests on `head`, or on the head of `pull`.
        kept: The results on this host.
        with_params: Makes a context with other parameters.
        base_seconds_max: Time for the tests on the merge base; 0 does not run them there.
    """

    async def test(ctx: StageContext) -> JsonValue:
        report = TestReport.model_validate(await stage(ctx))
        asked = _Asked.model_validate(dict(ctx.params))
        failed = whole_failures(report)
        if failed is None or not asked.merge_base:
            return report.model_dump(mode="json")
        await _keep(ctx, kept, report, asked.pull.head if asked.pull else asked.head)
        if report.outcome is TestOutcome.FAILED:
            base = await _base(ctx, kept, report, asked.merge_base)
            if base is None and base_seconds_max > 0:
                ctx.progress("running the tests on the merge base")
                there = _at_base(ctx.params, asked.merge_base, base_seconds_max)
                before = TestReport.model_validate(await stage(with_params(ctx, there)))
                await _keep(ctx, kept, before, asked.merge_base)
                base = whole_failures(before)
            report = report if base is None else against_base(report, base)
        return report.model_dump(mode="json")

    return test


async def _keep(ctx: StageContext, kept: KeptResults, report: TestReport, commit: str) -> None:
    failed = whole_failures(report)
    if failed is None:
        return

    async def write(commit: str, *names: str) -> None:
        await asyncio.to_thread(kept.keep, _ran(ctx, report, commit), names)

    await ctx.step("keep the result", write, commit, *failed, observes=True)


async def _base(ctx: StageContext, kept: KeptResults, report: TestReport, commit: str) -> tuple[str, ...] | None:
    async def look(commit: str) -> list[JsonValue] | None:
        found = await asyncio.to_thread(kept.find, _ran(ctx, report, commit))
        return None if found is None else [*found]

    found = await ctx.step("look for the base's result", look, commit, observes=True)
    return None if found is None else tuple(str(one) for one in found)


def _ran(ctx: StageContext, report: TestReport, commit: str) -> Ran:
    testing = ctx.params.get("testing")
    junit = testing.get("junit") if isinstance(testing, Mapping) else None
    return Ran(command=report.command, junit=str(junit or ""), commit=commit)


def _at_base(params: Mapping[str, JsonValue], base: str, seconds_max: float) -> dict[str, JsonValue]:
    """Write the parameters of the same tests on the merge base."""
    pull, testing = params.get("pull"), params.get("testing")
    there: dict[str, JsonValue] = {**params, "head": base}
    if isinstance(pull, dict):
        there["pull"] = {**pull, "head": base}
    if isinstance(testing, dict):
        there["testing"] = {**testing, "seconds_max": seconds_max}
    return there
