"""A model's text becomes a checked value, or an outcome that says why not."""

import json
from collections.abc import Mapping
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot
from pydantic import BaseModel

from pipeline.review.structured import (
    TEXT_CHARACTERS_MAX,
    Fits,
    Message,
    Misfits,
    ModelAnswer,
    Unusable,
    Usable,
    ask_structured,
    read_answer,
    spend_of,
    strict_schema,
)


class Remark(BaseModel):
    """An item of a list."""

    line: int
    level: Literal["low", "high"]


class Opinion(BaseModel):
    """What the model is asked for."""

    title: str
    remarks: list[Remark]


LONG = '{"title": "a long one", "remarks": [{"level": "low", "line": 1234}, {"level": "high", "line": 5678}]}'
WHOLE = '{"title": "t", "remarks": [{"line": 1, "level": "low"}, {"line": 2, "level": "high"}]}'


class Scripted:
    """A model that says one text after the other and remembers what it was asked."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.asked: list[list[Message]] = []

    async def __call__(self, messages: list[Message]) -> Mapping[str, Any]:
        """Answer as the model client would."""
        self.asked.append(messages)
        return {"text": self.texts.pop(0), "prompt_tokens": 10, "completion_tokens": 2, "model": "m"}


def read(text: str, *, forgiving: bool = False) -> Fits[Opinion] | Misfits:
    return read_answer(ModelAnswer(text=text), Opinion, forgiving=forgiving)


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        f"```json\n{WHOLE}\n```",
        f"Here it is:\n{WHOLE}",
        f"{WHOLE}\nDoes that help?",
        f"{WHOLE}\nI left {{out}} some {{}}.",
        f"Given {{x}} I say {WHOLE}",
        f'<think>maybe {{"title": "no", "remarks": []}}?</think>{WHOLE}',
        f"\ufeff{WHOLE}",
    ],
)
def test_what_stands_around_the_json_costs_nothing(text: str) -> None:
    assert read(text) == Fits(value=Opinion.model_validate_json(WHOLE))


@pytest.mark.parametrize(
    ("kept_characters", "lines"),
    [(len(WHOLE) - 1, [1, 2]), (WHOLE.index("2") - 3, [1]), (WHOLE.index("2") - 10, [1]), (29, [])],
)
def test_a_text_that_breaks_off_is_read_as_far_as_it_goes_and_says_so(kept_characters: int, lines: list[int]) -> None:
    fits = read(WHOLE[:kept_characters])

    assert isinstance(fits, Fits)
    assert [remark.line for remark in fits.value.remarks] == lines
    assert "broke off" in fits.gaps[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot do that.",
        "{}",
        "[1, 2]",
        "null",
        '{"title": 3}',
        '{"title": "t", "remarks": [{"line": "one"}]}',
        '{"title": "t", "remarks": NaN}',
        '{"title": "t", "remarks": 1e999}',
        '{"title": "' + "\ud83d",
        "{" * 200_000,
        '{"a":' * 50_000,
        "{" + " " * TEXT_CHARACTERS_MAX,
    ],
    ids=lambda text: text[:20].encode("ascii", "replace").decode(),
)
def test_what_does_not_fit_says_why(text: str) -> None:
    misfits = read(text)

    assert isinstance(misfits, Misfits)
    assert all(misfits.problems)


def test_unfit_list_items_are_left_out_if_that_is_wanted() -> None:
    text = json.dumps({"title": "t", "remarks": [{"line": "one"}, {"line": 2, "level": "low"}, {"level": "dire"}]})

    assert isinstance(read(text), Misfits)
    assert read(text, forgiving=True) == Fits(
        value=Opinion(title="t", remarks=[Remark(line=2, level="low")]), gaps=("2 of its remarks could not be read",)
    )


@given(st.text(st.characters(exclude_categories=[])) | st.binary().map(lambda b: b.decode("utf-8", "surrogateescape")))
def test_no_text_whatever_raises(text: str) -> None:
    for body in (text, "{" + text, WHOLE[:40] + text, text + WHOLE):
        assert isinstance(read(body, forgiving=True), Fits | Misfits)


@pytest.mark.parametrize("kept_characters", range(len(LONG)))
def test_wherever_a_text_breaks_off_nothing_is_invented(kept_characters: int) -> None:
    """Half a number is a number too."""
    fits = read(LONG[:kept_characters])

    if isinstance(fits, Fits):
        whole = Opinion.model_validate_json(LONG)
        assert fits.value.remarks == whole.remarks[: len(fits.value.remarks)]
        assert fits.value.title == whole.title


async def test_a_good_answer_is_asked_for_once() -> None:
    model = Scripted(WHOLE)

    usable = await ask_structured(model, [{"role": "user", "content": "?"}], Opinion)

    assert isinstance(usable, Usable)
    assert len(model.asked) == len(usable.answers) == 1


async def test_a_bad_answer_is_repaired_once_and_both_calls_are_billed() -> None:
    model = Scripted('{"title": 3}', WHOLE)

    usable = await ask_structured(model, [{"role": "user", "content": "?"}], Opinion)

    assert isinstance(usable, Usable)
    assert usable.value.title == "t"
    assert (spend_of(usable.answers).calls, spend_of(usable.answers).prompt_tokens) == (2, 20)
    assert model.asked[1][:2] == [{"role": "user", "content": "?"}, {"role": "assistant", "content": '{"title": 3}'}]
    assert "- title: Input should be a valid string" in model.asked[1][2]["content"]


async def test_after_one_repair_what_can_be_read_is_kept() -> None:
    model = Scripted('{"title": "t", "remarks": [{"line": 1, "level": "low"}, {}]}', "Sorry.")

    usable = await ask_structured(model, [], Opinion)

    assert isinstance(usable, Usable)
    assert usable.value.remarks == [Remark(line=1, level="low")]
    assert usable.gaps == ("1 of its remarks could not be read",)


async def test_a_model_that_talks_rubbish_twice_is_an_outcome_with_its_bill() -> None:
    model = Scripted("rubbish", "<html>")

    unusable = await ask_structured(model, [], Opinion)

    assert isinstance(unusable, Unusable)
    assert "no JSON object" in unusable.reason
    assert spend_of(unusable.answers).calls == 2


def test_the_schema_for_servers_is_strict() -> None:
    assert strict_schema(Opinion) == snapshot(
        {
            "$defs": {
                "Remark": {
                    "properties": {"line": {"type": "integer"}, "level": {"enum": ["low", "high"], "type": "string"}},
                    "required": ["line", "level"],
                    "type": "object",
                    "additionalProperties": False,
                }
            },
            "properties": {
                "title": {"type": "string"},
                "remarks": {"items": {"$ref": "#/$defs/Remark"}, "type": "array"},
            },
            "required": ["title", "remarks"],
            "type": "object",
            "additionalProperties": False,
        }
    )
