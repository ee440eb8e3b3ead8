"""Conversation: one question to the model, with tools to look things up before it answers.

Promises that each turn of the model and each call of a tool is a step, so that whoever is killed in the middle goes on
at that turn and pays for none twice; that there is an end (`agent_loop`); and that what is spent on all turns is told
with the answer. Entered again, it takes the same turns: what it decides by, seconds included, is in the kept steps.
The messages of a turn begin with those of the turn before, byte by byte: servers that remember what they read charge
less for it. So nothing is left out of them later; the limits are set so that it need not be.

A model or a server that takes no tools is asked the plain question within the same step, and so is one that refuses
the conversation at any turn: what it read by tools is lost then, its review is not.
Does not promise that a model uses its tools well.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, assert_never

from pipeline.engine.errors import GiveUp
from pipeline.engine.fingerprint import fingerprint
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.review.agent_loop import (
    Answered,
    AskAgain,
    AskForAnswer,
    LastTurn,
    LoopLimits,
    Reason,
    SaidNothing,
    Spent,
    Stop,
    WantsTools,
    decide,
)
from pipeline.review.structured import ModelAnswer
from pipeline.review.tool_messages import ToolMessage, after_calls, tokens_of
from pipeline.review.wording import count
from pipeline.services.agent_tools.result import Outcome, ToolResult
from pipeline.services.agent_tools.toolbox import VERSION as TOOLS_VERSION
from pipeline.services.agent_tools.toolbox import Request, Toolbox
from pipeline.services.agent_tools.toolbox import ToolCall as WantedCall
from pipeline.services.llm_question import Tool
from pipeline.services.questions import Form, Questions
from pipeline.stages.analyze.desk import Desk

NAME_DIGITS: Final = 12
"""Of a question's fingerprint, in its request id."""

REFUSALS: Final = frozenset({"model_tools", "model_refused"})
"""Codes of what a server answers that does not know tools; other groups need not meet it."""


@dataclass(slots=True, kw_only=True)
class Talk:
    """What the conversations of one attempt share.

    Args:
        ctx: Keeps the steps.
        who: Identity of the model, an input of each step.
        questions: Asks it.
        nonce: Makes the markers around tools' answers unforeseeable; the same for each attempt.
        seconds: A clock that only runs forward; read within steps alone.
    """

    ctx: StageContext
    who: JsonValue
    questions: Questions
    nonce: str
    seconds: Callable[[], float] = time.monotonic
    takes_no_tools: bool = False
    """A server refused them; not asked for again in this attempt."""


async def ask_plainly(
    talk: Talk, messages: Sequence[Mapping[str, Any]], *, form: Form | None = None
) -> dict[str, JsonValue]:
    """Ask one question without tools; a repaired answer is worth paying for again when a person asks again."""
    asked: JsonValue = [dict(message) for message in messages]
    is_repair = any(message["role"] == "assistant" for message in messages)
    request_id = _request_id(talk, asked)

    async def ask(_who: JsonValue, messages: list[ToolMessage], request_id: str) -> dict[str, JsonValue]:
        return await talk.questions.ask(messages, request_id, form=form)

    return await talk.ctx.step("model", ask, talk.who, asked, request_id, observes=is_repair)


async def converse(
    talk: Talk,
    messages: Sequence[Mapping[str, Any]],
    *,
    desk: Desk | None,
    limits: LoopLimits,
    about: str,
    form: Form | None = None,
) -> dict[str, JsonValue]:
    """Ask, let the model look things up, and give its answer with all that led there, as `ModelAnswer` reads it.

    Args:
        talk: What conversations share.
        messages: The question, or one that gives a bad answer back: that one is asked plainly.
        desk: The tools; None for a plain question.
        limits: How far it may go; no turns for a plain question.
        about: What it is about, for the journal.
        form: What the answer should look like; that of the questions if unset.

    Raises:
        RetryLater, AskPerson, GiveUp: The model's failure; see `Questions.ask`.
    """
    is_repair = any(message["role"] == "assistant" for message in messages)
    if desk is None or not limits.turns_max or is_repair:
        return await ask_plainly(talk, messages, form=form)
    conversation = _Conversation(
        talk=talk, desk=desk, limits=limits, form=form, messages=[dict(one) for one in messages]
    )
    answer = await conversation.run()
    if answer is None:
        return await ask_plainly(talk, messages, form=form)
    await talk.ctx.decide(f"read {about} in {conversation.told}")
    return answer.model_dump(mode="json")


@dataclass(slots=True, kw_only=True)
class _Turn:
    """A turn as it is kept."""

    answer: ModelAnswer
    seconds: float


@dataclass(slots=True, kw_only=True)
class _Conversation:
    talk: Talk
    desk: Desk
    limits: LoopLimits
    form: Form | None
    messages: list[ToolMessage]
    answers: list[ModelAnswer] = field(default_factory=list)
    why: Reason = Reason.DONE
    _spent: Spent = field(default_factory=Spent)
    _tool_seconds: float = 0.0
    _first: tuple[ToolMessage, ...] = ()
    _toolbox: Toolbox = field(init=False)

    def __post_init__(self) -> None:
        self._first = tuple(self.messages)
        self._toolbox = Toolbox(self.desk.tools, self.desk.limits, durably=self._durably)
        offered = [tool.as_json() for tool in self.desk.offered]
        self._spent = Spent(next_prompt_tokens=tokens_of(self.messages) + tokens_of(offered))

    @property
    def told(self) -> str:
        """Say how it went."""
        calls = count(self._spent.tool_calls, "tool call")
        return f"{count(self._spent.turns, 'turn')} with {calls}; it ended by: {self.why}"

    async def run(self) -> ModelAnswer | None:
        """Take turn after turn; None if not even the first is within the limits."""
        last: LastTurn = None
        while True:
            match decide(self._spent, last, self.limits):
                case AskAgain():
                    last = await self._ask(self.desk.offered)
                case AskForAnswer(why=why, message=message):
                    self.why = why
                    if not self.answers:
                        return None
                    self.messages.append({"role": "user", "content": message})
                    self._spent = replace(self._spent, was_asked_for_answer=True)
                    last = await self._ask([])
                case Stop(why=why, has_answer=has_answer):
                    self.why = why if self.why is Reason.DONE else self.why
                    return self._answer(has_answer=has_answer)
                case other:
                    assert_never(other)

    def _answer(self, *, has_answer: bool) -> ModelAnswer | None:
        """Give the last answer with those before it; one that still asks for tools counts as empty."""
        if not self.answers:
            return None
        *before, last = self.answers
        text = last.text if has_answer else ""
        return last.model_copy(update={"text": text, "tool_calls": (), "before": tuple(before)})

    async def _ask(self, tools: list[Tool]) -> LastTurn:
        """Take a turn, and answer the calls that it asks for, in their order."""
        turn = await self._turn(tools)
        answer = turn.answer if tools else turn.answer.model_copy(update={"tool_calls": ()})
        self.answers.append(answer)
        results: list[ToolResult] = []
        if answer.tool_calls:
            wanted = [WantedCall(name=call.name, arguments=call.arguments) for call in answer.tool_calls]
            results = await self._toolbox.call_all(wanted)
        added = after_calls(len(self.answers), answer, [one.text for one in results], nonce=self.talk.nonce)
        if results:
            self.messages.extend(added)
        self._count(turn, tokens_of(added[1:]))
        if results:
            return WantsTools(calls=len(results))
        # Without an answer of a tool in between, whoever repairs answers asks as well, and for less.
        return Answered() if "{" in answer.text or not self._toolbox.calls else SaidNothing()

    def _count(self, turn: _Turn, added_tokens: int) -> None:
        answer, outcomes = turn.answer, self._toolbox.outcomes
        took = answer.prompt_tokens + answer.completion_tokens
        self._spent = replace(
            self._spent,
            turns=self._spent.turns + 1,
            tool_calls=self._toolbox.calls,
            tokens=self._spent.tokens + took,
            seconds=self._spent.seconds + turn.seconds + self._tool_seconds,
            repeats=outcomes.get(Outcome.REPEATED, 0),
            faults=outcomes.get(Outcome.REFUSED, 0) + outcomes.get(Outcome.OVER_LIMIT, 0),
            next_prompt_tokens=took + added_tokens,
        )
        self._tool_seconds = 0.0

    async def _turn(self, tools: list[Tool]) -> _Turn:
        """Ask as a step, named by all that was said."""
        names: JsonValue = [tool.name for tool in tools]
        said: JsonValue = list(self.messages)

        async def ask(*_identity: JsonValue) -> dict[str, JsonValue]:
            began = [self.talk.seconds()]

            def begin() -> None:
                began[:] = [self.talk.seconds()]

            answer = await self._answered(tools, _request_id(self.talk, said), begin)
            seconds = round(self.talk.seconds() - began[0], 3)
            return {"answer": answer, "seconds": seconds, "request_id": answer.get("request_id")}

        kept = await self.talk.ctx.step("turn", ask, self.talk.who, fingerprint(said), TOOLS_VERSION, names)
        return _Turn(answer=ModelAnswer.model_validate(kept["answer"]), seconds=float(str(kept["seconds"])))

    async def _answered(self, tools: list[Tool], request_id: str, begin: Callable[[], None]) -> dict[str, JsonValue]:
        """Ask; what is refused for its form, such as tools, is asked again as the plain question it began with."""
        if not self.talk.takes_no_tools:
            try:
                return await self.talk.questions.ask(
                    self.messages, request_id, form=self.form, tools=tools, on_turn=begin
                )
            except GiveUp as error:
                self.talk.takes_no_tools |= error.error_code in REFUSALS and not self.answers
        return await self.talk.questions.ask(self._first, request_id, form=self.form, on_turn=begin)

    async def _durably(self, request: Request, answer: Callable[[Request], Awaitable[ToolResult]]) -> ToolResult:
        """Make a call as a step; groups that ask the same of one commit share it."""

        async def look(*_identity: JsonValue) -> dict[str, JsonValue]:
            began = self.talk.seconds()
            result = await answer(request)
            return {"result": result.model_dump(mode="json"), "seconds": round(self.talk.seconds() - began, 3)}

        kept = await self.talk.ctx.step("tool", look, *self.desk.identity, request.tool, request.arguments)
        self._tool_seconds += float(str(kept["seconds"]))
        return ToolResult.model_validate(kept["result"])


def _request_id(talk: Talk, said: JsonValue) -> str:
    return f"{talk.ctx.run_id}/analyze/{fingerprint(said)[:NAME_DIGITS]}"
