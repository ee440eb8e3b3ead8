"""Two reviews at the same time: they share the work, take it over, or give way to a newer commit."""

from tests.bot.command_world import NOTHING_TO_SAY, TWO_QUESTIONS, WORDS, CommandWorld, is_alive, repeated

SECOND = 1
"""Place of the rule that waits."""

SECOND_WAITS = (
    WORDS,
    NOTHING_TO_SAY.model_copy(update={"match": "second.txt", "gate": "second", "times": 2}),
    NOTHING_TO_SAY,
)


async def test_a_second_review_of_the_same_commit_follows_the_first_and_pays_nothing(world: CommandWorld) -> None:
    world.make_repository(TWO_QUESTIONS)
    async with world.model(*SECOND_WAITS) as llm:
        first = await world.start_review("--json")
        await llm.wait_calls(2)
        second = await world.start_review("--json")
        await second.says("following it")
        await llm.open_gate("second")
        results = [await first.end(), await second.end()]

    assert [ended.code for ended in results] == [0, 0]
    assert f":{first.process.pid} is at work on run" in results[1].news
    assert results[1].review == {**results[0].review, "resumed": True}
    assert len(llm.calls) == 2
    assert not repeated(llm.calls)


async def test_a_review_that_followed_takes_over_when_the_first_is_killed(world: CommandWorld) -> None:
    """With the first process its Redis dies too, which the second had shared."""
    world.make_repository(TWO_QUESTIONS)
    async with world.model(*SECOND_WAITS) as llm:
        first = await world.start_review()
        await llm.wait_calls(2)
        await world.journal_says(first, "analyze", "model")
        second = await world.start_review("--json")
        await second.says("following it")
        server = int((world.state / "redis" / "redis.pid").read_text())

        await first.kill()
        await llm.wait_calls(3)
        await llm.open_gate("second")
        done = await second.end()

    assert not is_alive(server)
    assert done.code == 0
    assert done.review["verdict"] == "clean"
    assert repeated(llm.calls) == [SECOND]


async def test_a_new_commit_ends_the_review_of_the_old_one(world: CommandWorld) -> None:
    repository = world.make_repository(TWO_QUESTIONS)
    async with world.model(SECOND_WAITS[0], SECOND_WAITS[1].model_copy(update={"times": 1}), NOTHING_TO_SAY) as llm:
        old = await world.start_review("--json")
        await llm.wait_calls(2)
        head = repository.commit({"second.txt": "short\n"}, "Cut it short")
        new = await world.review("--json")
        ended = await old.end()

    assert new.code == 0
    assert new.review["head"] == head
    assert ended.code == 130
    assert "was superseded: a newer commit of feature is reviewed instead." in ended.news
    assert ended.review["verdict"] == "not_reviewed"
