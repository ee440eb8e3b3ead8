"""Agent loop: what comes next, as a table, and that there is always an end."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

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

LIMITS = LoopLimits(
    turns_max=4,
    tool_calls_max=10,
    tokens_max=1_000,
    answer_tokens_max=100,
    results_tokens_max=100,
    seconds_max=60,
    repeats_max=2,
    faults_max=3,
)
LAST = Spent(was_asked_for_answer=True)
TOOLS = WantsTools(calls=1)


@pytest.mark.parametrize(
    ("spent", "last", "reason"),
    [
        (Spent(turns=4), TOOLS, Reason.TURNS),
        (Spent(tool_calls=10), TOOLS, Reason.TOOL_CALLS),
        (Spent(seconds=60), TOOLS, Reason.SECONDS),
        (Spent(repeats=2), TOOLS, Reason.REPEATS),
        (Spent(faults=3), TOOLS, Reason.FAULTS),
        # 500 + (100 + 100) + (100 + 100 + 100 + 100) is 1,100: this turn and the last question do not both fit.
        (Spent(tokens=500, next_prompt_tokens=100), TOOLS, Reason.TOKENS),
        (Spent(), SaidNothing(), Reason.SILENCE),
        (Spent(turns=4, repeats=2), TOOLS, Reason.REPEATS),
        (Spent(turns=4), SaidNothing(), Reason.TURNS),
        (Spent(tokens=500, next_prompt_tokens=100), None, Reason.TOKENS),
    ],
)
def test_case_42_a_limit_is_met_by_one_last_question(spent: Spent, last: LastTurn, reason: Reason) -> None:
    following = decide(spent, last, LIMITS)

    assert isinstance(following, AskForAnswer)
    assert following.why is reason
    assert following.message.endswith("Leave out what you could not check.")


@pytest.mark.parametrize(
    ("spent", "last"),
    [
        (Spent(), None),
        (Spent(turns=3, tool_calls=9, seconds=59.9, repeats=1, faults=2), TOOLS),
        (Spent(tokens=400, next_prompt_tokens=100), TOOLS),
    ],
)
def test_within_all_limits_the_tools_are_offered(spent: Spent, last: LastTurn) -> None:
    assert decide(spent, last, LIMITS) == AskAgain()


@pytest.mark.parametrize("spent", [Spent(), Spent(turns=9, tokens=5_000, repeats=9), LAST])
def test_an_answer_ends_the_conversation_whatever_it_took(spent: Spent) -> None:
    assert decide(spent, Answered(), LIMITS) == Stop(why=Reason.DONE, has_answer=True)


@pytest.mark.parametrize(
    ("spent", "last", "reason"),
    [
        (LAST, TOOLS, Reason.SILENCE),
        (LAST, SaidNothing(), Reason.SILENCE),
        (replace(LAST, turns=4), TOOLS, Reason.TURNS),
        (replace(LAST, repeats=2), SaidNothing(), Reason.REPEATS),
    ],
)
def test_the_last_question_is_put_once(spent: Spent, last: LastTurn, reason: Reason) -> None:
    assert decide(spent, last, LIMITS) == Stop(why=reason, has_answer=False)


def test_a_last_question_that_cannot_be_paid_for_is_not_put() -> None:
    spent = Spent(tokens=900, next_prompt_tokens=1)

    assert decide(spent, TOOLS, LIMITS) == Stop(why=Reason.TOKENS, has_answer=False)


LIKELY_TURNS = st.sampled_from([WantsTools(calls=1), WantsTools(calls=3), SaidNothing()])


@given(
    turns=st.lists(LIKELY_TURNS, min_size=20, max_size=20),
    answers=st.lists(st.integers(0, 100), min_size=20, max_size=20),
    results=st.lists(st.integers(0, 100), min_size=20, max_size=20),
)
def test_whatever_a_model_does_it_ends_within_its_turns_and_tokens(
    turns: list[LastTurn], answers: list[int], results: list[int]
) -> None:
    """Answers and results keep to their own limits; everything else is up to the model."""
    spent, last = Spent(next_prompt_tokens=50), None
    asked = 0
    for turn, answer, result in zip(turns, answers, results, strict=True):
        following = decide(spent, last, LIMITS)
        if isinstance(following, Stop):
            break
        asked += 1
        last = turn
        spent = replace(
            spent,
            turns=spent.turns + 1,
            tokens=spent.tokens + spent.next_prompt_tokens + answer,
            next_prompt_tokens=spent.next_prompt_tokens + answer + result,
            was_asked_for_answer=isinstance(following, AskForAnswer),
        )

    assert isinstance(decide(spent, last, LIMITS), Stop)
    assert asked <= LIMITS.turns_max + 1
    assert spent.tokens <= LIMITS.tokens_max
    assert spent.was_asked_for_answer
