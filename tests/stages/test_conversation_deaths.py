"""A conversation on the real engine, whose worker dies at each write: the next one goes on at that very turn."""

import json
from typing import Final

import pytest
from redis.asyncio import Redis

from pipeline.engine.lifecycle import RunState
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.review.agent_loop import LoopLimits
from pipeline.services.agent_tools.limits import ToolLimits
from pipeline.services.agent_tools.result import Outcome, ToolResult
from pipeline.services.agent_tools.tool import Arguments, Tool
from pipeline.services.llm_question import Answer
from pipeline.services.questions import Questions
from pipeline.stages.analyze.conversation import Talk, converse
from pipeline.stages.analyze.desk import Desk
from tests.builders.talking_model import Asked, TalkingModel, calls, says
from tests.engine.faults import Fault
from tests.engine.invariants import Shadow
from tests.engine.world import Outside, World

FOUND: Final = {"walkthrough": "It adds.", "findings": []}
TURNS: Final = 4
WRITES_EXPECTED: Final = 12
"""Four turns, three calls, a decision and what a run takes besides; fewer would mean a shorter walk."""
WRITES_MAX: Final = 100


class Look(Arguments):
    """A number to look up."""

    number: int


async def look_up(asked: Look) -> ToolResult:
    return ToolResult(outcome=Outcome.ANSWERED, text=f"{asked.number} is fine.")


def turn_by_turn(asked: Asked) -> Answer:
    """Look up one number in each turn, then answer."""
    answered = sum(message["role"] == "tool" for message in asked.messages)
    return calls(("look", {"number": answered})) if answered < TURNS - 1 else says(FOUND)


DESK: Final = Desk(
    tools=(Tool(name="look", description="Look up a number.", arguments=Look, answer=look_up),),
    limits=ToolLimits(),
    commit="c" * 40,
)


class Review:
    """The stages of a review of which only the first has something to do."""

    def __init__(self) -> None:
        self.model = TalkingModel(obey=turn_by_turn)

    async def analyze(self, outside: Outside, ctx: StageContext) -> JsonValue:
        """Hold one conversation, and give its answer."""
        questions = Questions(model=self.model, schema={}, schema_name="review", at_once_max=1, failures_max=1)
        outside.check_pulse()
        talk = Talk(ctx=ctx, who=["small"], questions=questions, nonce=ctx.run_id, seconds=lambda: 0.0)
        question = [{"role": "user", "content": "Review."}]
        answer = await converse(talk, question, desk=DESK, limits=LoopLimits(), about="a.py")
        found: JsonValue = json.loads(str(answer["text"]))
        return found

    async def nothing(self, outside: Outside, ctx: StageContext) -> JsonValue:
        """Do nothing."""
        del outside, ctx
        return None


@pytest.mark.parametrize("fault", [Fault.DIE_BEFORE, Fault.DIE_AFTER])
async def test_a_conversation_survives_the_death_of_its_worker_at_any_write(redis: Redis, fault: Fault) -> None:
    point, is_over = 0, False
    while not is_over:
        await redis.flushdb()
        review = Review()
        plots = {"analyze": review.analyze, **dict.fromkeys(("test", "docs", "summarize", "comment"), review.nothing)}
        async with World(redis, plots=plots) as world:
            shadow = Shadow()
            run_id = (await world.submit()).run_id
            first = world.start("first", host="here")
            first.redis.arm(fault, after=point)
            await world.wake(first, run_id)
            await world.finish(first, check=shadow.check)
            is_over = not first.is_dead
            if not is_over:
                await world.bury(first)
                second = world.start("second", host="here")
                await world.sweep(second)
                await world.finish(second, check=shadow.check)

            questions = [asked.text for asked in review.model.asked]
            again = len(questions) - len(set(questions))
            assert (await world.run_of(run_id)).state is RunState.DONE
            assert (await world.results(run_id))["analyze"] == FOUND
            assert len(set(questions)) == TURNS, "Nobody asked anything else than the first would have asked."
            assert again <= (fault is Fault.DIE_BEFORE), "Only an answer that was not yet kept is asked for again."
        point += 1
        assert point < WRITES_MAX

    assert point >= WRITES_EXPECTED, f"The walk came only to write {point}."
