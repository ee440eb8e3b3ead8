"""Questions stop at a wall that all would hit, and at no other."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipeline.engine.errors import AskPerson, GiveUp, OnceoverError, RetryLater
from pipeline.services.llm_question import Tool
from pipeline.services.questions import Form, Questions


@dataclass(frozen=True)
class Said:
    """An answer."""

    text: str

    def as_json(self) -> dict[str, Any]:  # Any: a JSON value.
        """Give it as JSON."""
        return {"text": self.text}


@dataclass
class ListedModel:
    """Answers from a list, errors too; an empty list answers `ok`."""

    outcomes: list[str | OnceoverError] = field(default_factory=list)
    asked: int = 0
    at_once: int = 0
    at_once_seen: int = 0
    forms: list[tuple[str, object, list[str]]] = field(default_factory=list)

    async def ask(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        schema: object,
        schema_name: str,
        request_id: str | None,
        tools: Sequence[Tool] = (),
    ) -> Said:
        """Give the next outcome."""
        del messages, request_id
        self.forms.append((schema_name, schema, [tool.name for tool in tools]))
        self.asked += 1
        self.at_once += 1
        self.at_once_seen = max(self.at_once_seen, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        outcome = self.outcomes.pop(0) if self.outcomes else "ok"
        if isinstance(outcome, OnceoverError):
            raise outcome
        return Said(outcome)


def make_questions(model: ListedModel, *, at_once_max: int = 1, failures_max: int = 2) -> Questions:
    return Questions(model=model, schema={}, schema_name="x", at_once_max=at_once_max, failures_max=failures_max)


async def ask_all(questions: Questions, number: int) -> list[object]:
    asked = (questions.ask([], f"r/{n}") for n in range(number))
    return await asyncio.gather(*asked, return_exceptions=True)


async def test_no_more_are_asked_at_once_than_allowed() -> None:
    model = ListedModel()

    answers = await ask_all(make_questions(model, at_once_max=3), 10)

    assert answers == [{"text": "ok"}] * 10
    assert model.at_once_seen == 3


@pytest.mark.parametrize(
    ("error", "asked"), [(RetryLater("busy"), 2), (AskPerson("wrong key"), 1), (GiveUp("prompt too long"), 5)]
)
async def test_what_all_would_meet_is_met_only_so_often(error: OnceoverError, asked: int) -> None:
    model = ListedModel([error] * 5)

    answers = await ask_all(make_questions(model), 5)

    assert answers == [error] * 5
    assert model.asked == asked


async def test_one_failure_below_the_limit_stops_nobody() -> None:
    busy = RetryLater("busy")
    questions = make_questions(ListedModel([busy, "fine"]))

    assert await ask_all(questions, 3) == [busy, {"text": "fine"}, {"text": "ok"}]
    assert questions.walls == [busy]


async def test_the_models_failures_are_told_from_those_of_others() -> None:
    busy, long = RetryLater("busy"), GiveUp("too long")
    questions = make_questions(ListedModel([busy, long]))

    await ask_all(questions, 2)

    assert questions.met(busy)
    assert questions.met(long)
    assert not questions.met(RetryLater("busy"))


async def test_a_question_may_want_a_form_of_its_own_and_one_with_tools_enforces_none() -> None:
    model = ListedModel()
    questions = make_questions(model)

    await questions.ask([], "r/1")
    await questions.ask([], "r/2", form=Form(name="verdicts", schema={"type": "object"}))
    await questions.ask([], "r/3", tools=[Tool(name="search", description="Search.", parameters={})])

    assert model.forms == [("x", {}, []), ("verdicts", {"type": "object"}, []), ("x", None, ["search"])]
