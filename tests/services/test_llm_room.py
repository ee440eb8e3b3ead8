"""A prompt within its room leaves enough of the window for the answer and for its repair."""

import pytest

from pipeline.services.llm_estimate import TokenEstimate
from pipeline.services.llm_room import (
    CONTEXT_TOKENS_ASSUMED,
    OVERHEAD_TOKENS,
    Room,
    completion_tokens,
    is_window,
    room_for,
)


def make_room(context_tokens: int | None = 128_000, wanted: int = 16_000) -> Room:
    return room_for(
        "m", context_tokens=context_tokens, completion_tokens_max=wanted, estimate=TokenEstimate(bytes_per_token=4)
    )


@pytest.mark.parametrize("context_tokens", [512, 4_096, 8_192, 32_768, 128_000, 1_047_576])
@pytest.mark.parametrize("wanted", [16, 1_000, 16_000, 200_000])
def test_prompt_answer_and_repair_fit_into_every_window(context_tokens: int, wanted: int) -> None:
    room = make_room(context_tokens, wanted)

    bad_answer = min(room.completion_tokens_max, 7_000)
    assert room.prompt_tokens_max + bad_answer + OVERHEAD_TOKENS + room.completion_tokens_max <= max(
        context_tokens, OVERHEAD_TOKENS + 2 * room.completion_tokens_max
    )
    assert 0 < room.completion_tokens_max <= wanted


def test_a_large_window_gives_the_whole_answer_and_most_of_itself_to_the_prompt() -> None:
    room = make_room()

    assert (room.completion_tokens_max, room.prompt_tokens_max) == (16_000, 128_000 - 16_000 - 7_000 - 300)
    assert room.prompt_bytes_max == int(room.prompt_tokens_max * 4 / 1.15)


def test_a_packer_that_counts_otherwise_is_told_in_its_own_tokens() -> None:
    room = make_room()

    assert room.tokens_as(3.0) == room.prompt_bytes_max // 3


def test_a_window_that_nobody_tells_is_taken_for_small_and_said_to_be_assumed() -> None:
    room = make_room(None)

    assert (room.context_tokens, room.is_told) == (CONTEXT_TOKENS_ASSUMED, False)


@pytest.mark.parametrize(
    ("wanted", "context_tokens", "prompt_tokens", "expected"),
    [
        (16_000, None, 500_000, 16_000),
        (16_000, 128_000, 100_000, 16_000),
        (16_000, 8_192, 6_000, 2_192),
        (16_000, 8_192, 8_000, None),
        (16_000, 8_192, 9_000, None),
        (16, 8_192, 8_170, 16),
    ],
    ids=["unknown", "enough", "lowered", "too little", "none", "little is wanted"],
)
def test_the_answer_gets_what_is_left(
    wanted: int, context_tokens: int | None, prompt_tokens: int, expected: int | None
) -> None:
    assert completion_tokens(wanted, context_tokens=context_tokens, prompt_tokens=prompt_tokens) == expected


@pytest.mark.parametrize("told", [None, True, "8192", 8192.0, 0, -1, 100, 10**12])
def test_what_can_be_no_window_is_not_taken_for_one(told: object) -> None:
    assert not is_window(told)
