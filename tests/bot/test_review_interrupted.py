"""A review that is stopped, in good order or by kill -9: the same command goes on, and pays for nothing twice."""

import signal

import pytest

from bot.demo.scripted_llm import Rule
from tests.bot.command_world import (
    LONG_STORY,
    TWO_QUESTIONS,
    WORDS,
    CommandWorld,
    TestGate,
    is_alive,
    processes_with,
    repeated,
)

SECOND_WAITS = (WORDS, LONG_STORY.model_copy(update={"match": "second.txt", "gate": "second"}), LONG_STORY)
SECOND = 1
"""Place of the rule that waits."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_review_that_is_interrupted_leaves_nothing_behind_and_goes_on_at_once(
    world: CommandWorld, gate: TestGate, number: signal.Signals
) -> None:
    repository = world.make_repository(TWO_QUESTIONS)
    before = [repository.git(*ask) for ask in (["status", "--porcelain"], ["worktree", "list"], ["for-each-ref"])]
    async with world.model(*SECOND_WAITS) as llm:
        stopped = await world.start_review("--test-command", gate.command)
        tests = await gate.has_begun()
        await llm.wait_calls(2)
        await world.journal_says(stopped, "analyze", "model")

        stopped.send(number)
        ended = await stopped.end()
        left = [pid for pid in processes_with(world.state) if is_alive(pid)]
        await llm.open_gate("second")
        again = await world.start_review("--json", "--test-command", gate.command)
        await gate.has_begun()
        gate.open()
        done = await again.end()

    assert ended.code == 130
    assert ended.out == ""
    assert "interrupted. The same command goes on where it stopped." in ended.news
    assert not left
    assert not is_alive(tests)
    assert not list((world.state / "trials").iterdir())
    assert before == [
        repository.git(*ask) for ask in (["status", "--porcelain"], ["worktree", "list"], ["for-each-ref"])
    ]
    assert done.code == 0
    assert "going on with run" in done.news
    assert done.review["resumed"]
    assert repeated(llm.calls) == [SECOND]


async def test_a_review_that_is_killed_at_two_points_repeats_no_finished_step(
    world: CommandWorld, gate: TestGate
) -> None:
    """First within the tests and a model call, then within the last call: what had been answered is not asked again."""
    world.make_repository(TWO_QUESTIONS)
    async with world.model(WORDS.model_copy(update={"gate": "words"}), *SECOND_WAITS[1:]) as llm:
        first = await world.start_review("--test-command", gate.command)
        orphan = await gate.has_begun()
        await llm.wait_calls(2)
        await world.journal_says(first, "analyze", "model")
        await first.kill()
        orphan_outlived = is_alive(orphan)

        await llm.open_gate("second")
        second = await world.start_review("--test-command", gate.command)
        await gate.has_begun()
        gate.open()
        await llm.wait_calls(4)
        await second.kill()

        await llm.open_gate("words")
        done = await world.review("--json", "--test-command", gate.command)

    assert orphan_outlived, "Nothing of what is cleared below was left."
    assert not is_alive(orphan)
    assert gate.beginnings == 2, "The tests that were killed are run again, those that had ended are not."
    assert repeated(llm.calls) == [SECOND, 0]
    assert done.code == 0
    assert "going on with run" in done.news
    assert "3 of 5 stages are done" in done.news
    assert done.review["resumed"]


async def test_a_second_ctrl_c_ends_it_too(world: CommandWorld) -> None:
    world.make_repository()
    async with world.model(Rule(fault="hang")) as llm:
        running = await world.start_review()
        await llm.wait_calls(1)

        running.send(signal.SIGINT)
        running.send(signal.SIGINT)
        ended = await running.end()

    assert ended.code == 130
    assert "interrupted" in ended.news
