"""A conversation with tools: real git objects, a model that says what its script says, and steps that are kept."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import GiveUp, OnceoverError, RetryLater
from pipeline.engine.stage import JsonValue
from pipeline.review.agent_loop import LAST_QUESTION, LoopLimits
from pipeline.review.structured import ModelAnswer, spend_of
from pipeline.services.git import open_git
from pipeline.services.llm_question import Answer
from pipeline.services.questions import Questions
from pipeline.stages.analyze.conversation import Talk, converse
from pipeline.stages.analyze.desk import Desk, open_desk
from tests.builders.context import MemoryContext
from tests.builders.repository import RepositoryBuilder
from tests.builders.talking_model import TalkingModel, an_answer, calls, says

QUESTION = [{"role": "system", "content": "Review."}, {"role": "user", "content": "BEGIN 1\nx\nEND 1"}]
FOUND = {"walkthrough": "It adds.", "findings": []}
FILES = {"shop/cart.py": "def total(cart):\n    return sum(cart)\n", "shop/pay.py": "from shop.cart import total\n"}
LOOK = ("find_definition", {"name": "total"})
READ = ("read_file", {"path": "shop/cart.py", "line_start": 1, "line_end": 2})
LIMITS = LoopLimits()


class Killed(BaseException):
    """The process is gone."""


@dataclass
class KilledContext(MemoryContext):
    """A context whose process dies at a chosen step: before it is made, or after it is recorded."""

    dies_at: int = -1
    dies_after: bool = False

    def next_claim(self) -> MemoryContext:
        """Give the context of who comes after."""
        return MemoryContext(params={}, memo=self.memo, claim=2)

    async def _execute(self, identity: str, name: str, fn: Callable[..., Any], inputs: tuple[JsonValue, ...]) -> None:
        is_last = len(self.executed) == self.dies_at
        if is_last and not self.dies_after:
            raise Killed
        await super()._execute(identity, name, fn, inputs)
        if is_last:
            raise Killed


@dataclass
class Room:
    """A desk, and conversations at it."""

    desk: Desk
    model: TalkingModel
    ctx: MemoryContext = field(default_factory=lambda: MemoryContext(params={}))
    limits: LoopLimits = LIMITS

    async def talk(self, messages: Sequence[Mapping[str, Any]] = QUESTION) -> ModelAnswer:
        """Hold one conversation."""
        questions = Questions(model=self.model, schema={}, schema_name="review", at_once_max=1, failures_max=1)
        clock = iter(range(10_000))
        talk = Talk(ctx=self.ctx, who=["small"], questions=questions, nonce="n", seconds=lambda: float(next(clock)))
        kept = await converse(talk, messages, desk=self.desk, limits=self.limits, about="shop/cart.py")
        return ModelAnswer.model_validate(kept)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """One repository for all: nobody writes to it."""
    repository = RepositoryBuilder(path=tmp_path_factory.mktemp("conversation") / "shop.git", is_checked_out=False)
    return repository.path, repository.commit(FILES)


@pytest.fixture
async def room(shop: tuple[Path, str]) -> Room:
    path, head = shop
    return Room(desk=open_desk(await open_git(path), head, LIMITS), model=TalkingModel())


async def test_what_the_model_asks_for_is_looked_up_and_goes_on_with_the_conversation(room: Room) -> None:
    room.model.script = [calls(LOOK, READ), says(FOUND)]

    answer = await room.talk()

    assert json.loads(answer.text) == FOUND
    assert spend_of([answer]).calls == 2
    assert room.ctx.executed == ["turn", "tool", "tool", "turn"]
    *before, asked, definition, file = room.model.asked[1].messages
    assert before == QUESTION
    assert [call["function"]["name"] for call in asked["tool_calls"]] == ["find_definition", "read_file"]
    assert [call["id"] for call in asked["tool_calls"]] == [definition["tool_call_id"], file["tool_call_id"]]
    assert "shop/cart.py, lines 1 to 2 (function)" in definition["content"]
    assert "2|     return sum(cart)" in file["content"]
    assert room.ctx.decisions == ["read shop/cart.py in 2 turns with 2 tool calls; it ended by: done"]


async def test_what_was_sent_once_is_the_beginning_of_all_that_is_sent_later(room: Room) -> None:
    room.model.script = [calls(LOOK), calls(READ, text="I see."), calls(("list_files", {})), says(FOUND)]

    await room.talk()

    texts = [asked.text.removesuffix("]") for asked in room.model.asked]
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert len({tuple(asked.tools) for asked in room.model.asked}) == 1


async def test_an_answer_of_a_tool_stands_between_lines_that_it_cannot_contain(room: Room) -> None:
    room.model.script = [calls(READ), says(FOUND)]

    await room.talk()

    begin, *_, end = room.model.asked[1].messages[-1]["content"].splitlines()
    assert begin.startswith("BEGIN ")
    assert end == f"END {begin.removeprefix('BEGIN ')}"
    assert begin.removeprefix("BEGIN ") not in "".join(FILES.values())


STEPS = ("turn", "tool", "tool", "turn", "tool", "turn")
"""Of the conversation that is killed at each of them."""


@pytest.mark.parametrize("point", range(len(STEPS)))
@pytest.mark.parametrize("dies_after", [False, True], ids=["before", "after"])
async def test_killed_at_any_turn_or_call_it_goes_on_there_and_pays_for_none_twice(
    room: Room,
    point: int,
    dies_after: bool,  # noqa: FBT001 - pytest's parameters are positional.
) -> None:
    script: list[Answer | OnceoverError] = [calls(LOOK, READ), calls(("search", {"pattern": "sum"})), says(FOUND)]
    room.model.script = list(script)
    dying = KilledContext(params={}, dies_at=point, dies_after=dies_after)
    room.ctx = dying
    with pytest.raises(Killed):
        await room.talk()
    recorded = list(dying.executed) if dies_after else list(dying.executed[:point])
    answered = recorded.count("turn")
    room.model.script = script[answered:]
    room.model.asked.clear()
    room.ctx = dying.next_claim()

    answer = await room.talk()

    assert json.loads(answer.text) == FOUND
    assert room.ctx.executed == list(STEPS[len(recorded) :])
    assert len(room.model.asked) == len(script) - answered
    assert spend_of([answer]).calls == len(script)


@pytest.mark.parametrize(
    ("limits", "script", "why", "asked"),
    [
        ({"turns_max": 2}, [calls(LOOK), calls(READ), says(FOUND)], "turns", 3),
        ({"tool_calls_max": 1}, [calls(LOOK), says(FOUND)], "tool_calls", 2),
        ({"repeats_max": 1}, [calls(LOOK), calls(LOOK), says(FOUND)], "repeats", 3),
        ({"faults_max": 1}, [calls(("delete_repository", {})), says(FOUND)], "faults", 2),
        ({"seconds_max": 2.0}, [calls(LOOK), says(FOUND)], "seconds", 2),
        ({}, [replace(calls(LOOK), prompt_tokens=60_000), says(FOUND)], "tokens", 2),
        (
            {"prompt_tokens_max": 90_000, "tokens_max": 1_000_000},
            [replace(calls(LOOK), prompt_tokens=60_000), says(FOUND)],
            "tokens",
            2,
        ),
        ({}, [calls(LOOK), an_answer(text="Let me think."), says(FOUND)], "silence", 3),
    ],
)
async def test_case_42_each_limit_is_met_by_one_last_question_without_tools(
    room: Room, limits: dict[str, Any], script: list[Answer | OnceoverError], why: str, asked: int
) -> None:
    room.limits = replace(LIMITS, **limits)
    room.model.script = script

    answer = await room.talk()

    last = room.model.asked[-1]
    assert json.loads(answer.text) == FOUND
    assert len(room.model.asked) == asked
    assert (last.tools, last.schema_name) == ([], "review")
    assert LAST_QUESTION in last.messages[-1]["content"]
    assert room.ctx.decisions[0].endswith(f"ended by: {why}")


async def test_case_42_a_model_that_goes_round_in_circles_is_stopped(room: Room) -> None:
    room.model.script = [calls(READ)]

    answer = await room.talk()

    assert len(room.model.asked) == 1 + LIMITS.repeats_max + 1
    assert room.ctx.executed.count("tool") == 1
    assert answer.text == "", "It asked for tools to the last: nothing of it is an answer."
    assert spend_of([answer]).calls == len(room.model.asked)


async def test_case_77_two_hundred_calls_in_a_turn_are_answered_up_to_the_limit_and_refused_beyond(room: Room) -> None:
    many = [("read_file", {"path": "shop/cart.py", "line_start": number}) for number in range(1, 65)]
    room.model.script = [calls(*many), says(FOUND)]

    await room.talk()

    told = [message for message in room.model.asked[1].messages if message["role"] == "tool"]
    assert len(told) == 64
    assert room.ctx.executed.count("tool") == 4
    assert "Only 4 calls in one turn" in told[4]["content"]


@pytest.mark.parametrize("arguments", ["", "{", "[1]", "null", '{"name": 3}', "x" * 10_000, '{"a":' * 2_000])
async def test_case_77_arguments_that_are_none_are_refused_and_sent_back_as_an_empty_object(
    room: Room, arguments: str
) -> None:
    call = replace(calls(("find_definition", {})).tool_calls[0], arguments=arguments)
    room.model.script = [an_answer(tool_calls=(call,)), says(FOUND)]

    await room.talk()

    [asked] = room.model.asked[1].messages[-2]["tool_calls"]
    assert isinstance(json.loads(asked["function"]["arguments"]), dict)
    assert room.ctx.executed == ["turn", "turn"]


async def test_case_77_a_tool_of_the_models_own_is_refused_under_a_harmless_name(room: Room) -> None:
    room.model.script = [calls(("rm -rf /\n", {})), says(FOUND)]

    await room.talk()

    asked, told = room.model.asked[1].messages[-2:]
    assert asked["tool_calls"][0]["function"]["name"] == "unknown"
    assert "There is no such tool. There are: read_file" in told["content"]


@pytest.mark.parametrize("code", ["model_tools", "model_refused", "model_context"])
async def test_a_server_that_takes_no_tools_gets_the_plain_question_in_the_same_step(room: Room, code: str) -> None:
    room.model.script = [GiveUp("no tools here", code=code), says(FOUND)]

    answer = await room.talk()

    assert json.loads(answer.text) == FOUND
    assert [asked.schema_name for asked in room.model.asked] == [None, "review"]
    assert room.model.asked[1].messages == QUESTION
    assert room.ctx.executed == ["turn"]


async def test_a_conversation_that_is_refused_midway_falls_back_on_the_plain_question(room: Room) -> None:
    room.model.script = [calls(LOOK), GiveUp("too long", code="model_context"), says(FOUND)]

    answer = await room.talk()

    assert json.loads(answer.text) == FOUND
    assert room.model.asked[2].messages == QUESTION


async def test_a_busy_model_is_left_to_the_engine_and_the_next_attempt_goes_on_at_that_turn(room: Room) -> None:
    room.model.script = [calls(LOOK), RetryLater("busy"), says(FOUND)]

    with pytest.raises(RetryLater):
        await room.talk()
    room.ctx = room.ctx.next_attempt()
    answer = await room.talk()

    assert json.loads(answer.text) == FOUND
    assert len(room.model.asked) == 3


@pytest.mark.parametrize("limits", [replace(LIMITS, turns_max=0), replace(LIMITS, tokens_max=100)])
async def test_a_depth_without_turns_asks_the_one_question(room: Room, limits: LoopLimits) -> None:
    room.limits = limits
    room.model.script = [says(FOUND)]

    await room.talk()

    assert room.ctx.executed == ["model"]
    assert (room.model.asked[0].tools, room.model.asked[0].schema_name) == ([], "review")


async def test_an_answer_that_is_given_back_to_be_repaired_is_asked_plainly(room: Room) -> None:
    room.model.script = [says(FOUND)]

    await room.talk([*QUESTION, {"role": "assistant", "content": "no"}, {"role": "user", "content": "again"}])

    assert room.ctx.executed == ["model"]


async def test_a_shallow_clone_offers_no_history_and_says_why_to_who_asks_all_the_same(
    room: Room, shop: tuple[Path, str]
) -> None:
    git = replace(await open_git(shop[0]), is_shallow=True)
    room.desk = open_desk(git, room.desk.commit, LIMITS)
    room.model.script = [calls(("line_history", {"path": "shop/cart.py", "line": 1})), says(FOUND)]

    await room.talk()

    assert "line_history" not in room.model.asked[0].tools
    assert "This clone is shallow: there is no history here." in room.model.asked[1].messages[-1]["content"]


def test_the_tools_are_described_in_few_words(room: Room) -> None:
    described = json.dumps([tool.as_json() for tool in room.desk.offered])

    assert len(described) / 4 < 900
