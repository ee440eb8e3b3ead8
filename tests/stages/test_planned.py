"""Planned: a stage of a local review goes by the plan of a pull request."""

from collections.abc import Mapping

import pytest

from pipeline.engine.context import NotWanted
from pipeline.engine.stage import Checkpointed, JsonValue, Missing, StageContext, Upstream
from pipeline.review.plan import Plan
from pipeline.review.read_plan import PREPARE, NoPlan
from pipeline.stages.planned import planned
from tests.builders.context import MemoryContext

HEAD, BASE = "a" * 40, "b" * 40
PULL: JsonValue = {"host": "api.github.com", "repository_id": 1, "number": 3, "head": HEAD}


def a_plan(**fields: JsonValue) -> Plan:
    ordinary: dict[str, JsonValue] = {
        "number": 3,
        "title": "Sell apples",
        "head": HEAD,
        "head_ref": "feature",
        "base_ref": "main",
        "merge_base": BASE,
        "params": {"analysis": {"findings_max": 7}},
    }
    return Plan.model_validate({**ordinary, **fields})


def context(plan: Plan | Upstream | None, **upstream: Upstream) -> MemoryContext:
    before = Checkpointed(value=plan.model_dump(mode="json")) if isinstance(plan, Plan) else plan
    known: dict[str, Upstream] = {**upstream, **({PREPARE: before} if before else {})}
    return MemoryContext(params={"pull": PULL, "place": {"installation": 7}}, upstream=known)


async def tell(ctx: StageContext) -> JsonValue:
    """A stage that tells what it was given."""
    return {"params": dict(ctx.params), "upstream": [*sorted(ctx.upstream)]}


async def clone(ctx: StageContext, plan: Plan) -> Mapping[str, JsonValue]:
    """Say where the commits would be."""
    return {"path": f"/mirrors/{plan.head}", "name": ctx.run_id}


async def test_a_stage_reads_the_plans_parameters_and_where_the_commits_are() -> None:
    ctx = context(a_plan(), analyze=Missing(state="failed", reason="it failed"))

    told = await planned("analyze", tell, clone)(ctx)

    assert told == {
        "params": {
            "pull": PULL,
            "place": {"installation": 7},
            "analysis": {"findings_max": 7},
            "subject": "github/api.github.com/1/3",
            "title": "Sell apples",
            "head": HEAD,
            "merge_base": BASE,
            "head_ref": "feature",
            "base_ref": "main",
            "is_fork": False,
            "repository": {"path": f"/mirrors/{HEAD}", "name": "r_test"},
        },
        "upstream": ["analyze"],
    }
    assert ctx.said == ["fetching the commits"]


async def test_a_stage_that_reads_no_commits_is_given_none() -> None:
    told = await planned("test", tell)(context(a_plan()))

    assert isinstance(told, dict)
    assert "'repository':" not in str(told["params"])


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (a_plan(not_wanted="it is a draft"), "it is a draft"),
        (a_plan(off={"analyze": "turned off"}), "turned off"),
        (a_plan(not_wanted="it is a draft", off={"analyze": "turned off"}), "it is a draft"),
    ],
)
async def test_what_the_plan_does_not_want_is_skipped_before_a_commit_is_fetched(plan: Plan, why: str) -> None:
    ctx = context(plan)

    with pytest.raises(NotWanted, match=f"^{why}$"):
        await planned("analyze", tell, clone)(ctx)

    assert ctx.said == []


async def test_what_is_off_for_one_stage_is_not_off_for_another() -> None:
    assert await planned("docs", tell)(context(a_plan(off={"analyze": "turned off"})))


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (
            Missing(state="failed", reason="GitHub did not answer"),
            "There is no plan for this review: GitHub did not answer",
        ),
        (None, "it was not part of this run"),
        (Checkpointed(value={"number": "three"}), "does not fit this version"),
        (Checkpointed(value=None), "does not fit this version"),
    ],
)
async def test_without_a_plan_nothing_is_done_and_it_is_said_why(before: Upstream | None, why: str) -> None:
    with pytest.raises(NoPlan, match=why):
        await planned("analyze", tell, clone)(context(before))


async def test_steps_waits_and_words_reach_the_engine() -> None:
    async def work(ctx: StageContext) -> JsonValue:
        async def one() -> int:
            return 1

        await ctx.step("one", one)
        await ctx.wait("a while", seconds=1)
        await ctx.decide("so be it")
        ctx.progress("working")
        ctx.partial()
        return [ctx.run_id, ctx.attempt, ctx.generation, ctx.lease_mark]

    ctx = context(a_plan())

    assert await planned("test", work)(ctx) == ["r_test", 1, 1, "r_test.stage.1"]
    assert (ctx.executed, ctx.waits, ctx.decisions, ctx.said) == (["one"], ["a while"], ["so be it"], ["working"])
    assert ctx.is_partial
