"""The good day: a pull request is opened, and what one expects stands there once."""

from bot.demo.simulated_github.leftovers import Left, check_runs, own_comments
from tests.app.world import AppWorld


async def test_a_pull_request_gets_one_check_one_review_and_one_summary(world: AppWorld) -> None:
    async with world.process():
        repository = await world.make_repository()

        pull = await world.open_pull(repository)
        await world.until_concluded(pull)
        await world.github.settle()

    world.github.leftovers({pull: Left(comments=1, reviews=1, check_runs=1)})
    [check], [summary] = check_runs(pull, world.github.app), own_comments(pull, world.github.app)
    assert (check.conclusion, check.name) == ("failure", "Onceover")
    assert "changes needed" in summary.body
    assert pull.head_sha[:12] in summary.body


async def test_a_second_push_edits_the_summary_and_gets_a_review_of_its_own(world: AppWorld) -> None:
    async with world.process():
        repository = await world.make_repository()
        pull = await world.open_pull(repository)
        await world.until_concluded(pull)

        await world.github.push_to_pull(pull, {"more.py": "import os\n\n\ndef run(c):\n    os.system(c)\n"})
        await world.until_concluded(pull, runs=2)
        await world.github.settle()

    world.github.leftovers({pull: Left(comments=1, reviews=2, check_runs=2)})
    [summary] = own_comments(pull, world.github.app)
    assert pull.head_sha[:12] in summary.body
