"""Each write of the App to GitHub, struck by each fault: what stands at the end is there exactly once.

The cases are those that `docs/reliability.md` tells.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

import pytest

from bot.demo.simulated_github.faults import Fault
from bot.demo.simulated_github.leftovers import Left, check_runs, own_comments
from bot.demo.simulated_github.repositories import Pull
from tests.app.fault_cases import EFFECTS, REMARKED, REVIEWED, STRIKES, Effect, Strike
from tests.app.world import PLAIN, AppWorld

REMARKS: Final = "review:\n  analyzers: [ruff]\n"
"""A configuration with which there is something to remark beside a line."""


@pytest.mark.parametrize("strike", STRIKES, ids=lambda one: one.name)
@pytest.mark.parametrize("effect", EFFECTS, ids=lambda one: one.name)
async def test_a_write_stands_once_whatever_strikes_it(world: AppWorld, effect: Effect, strike: Strike) -> None:
    fault = replace(strike.fault, method=effect.method, path=effect.path, contains=effect.contains)
    if strike.is_short:
        world.settings["ONCEOVER_LEASE_SECONDS"] = "1"  # The client's patience is a share of it.

    async with world.process(effect.roles):
        pull = await ACTS[effect.act](world, fault, strike)
        await world.until_quiet(pull)

    world.github.leftovers({pull: effect.left})
    assert any(one.fault == strike.fault.kind for one in world.github.requests), "The fault did not happen."
    assert_says_what_it_should(world, pull, effect)


def assert_says_what_it_should(world: AppWorld, pull: Pull, effect: Effect) -> None:
    app = world.github.app
    [page] = own_comments(pull, app)
    if effect.act == "command":
        [comment] = [one for one in pull.comments if one.author is not app.bot]
        assert [(one.author is app.bot, one.content) for one in comment.reactions] == [(True, "+1")]
        return
    assert pull.head_sha[:12] in page.body
    assert all(one.conclusion != "success" or effect.left is not REMARKED for one in check_runs(pull, app))


async def review(world: AppWorld, fault: Fault, strike: Strike) -> Pull:
    repository = await world.make_repository(files={".github/onceover.yml": PLAIN})
    strike_at(world, fault, strike)
    return await world.open_pull(repository)


async def review_with_remarks(world: AppWorld, fault: Fault, strike: Strike) -> Pull:
    repository = await world.make_repository(files={".github/onceover.yml": REMARKS})
    strike_at(world, fault, strike)
    return await world.open_pull(repository)


async def push(world: AppWorld, fault: Fault, strike: Strike) -> Pull:
    repository = await world.make_repository(files={".github/onceover.yml": PLAIN})
    pull = await world.open_pull(repository)
    await world.until_quiet(pull)
    strike_at(world, fault, strike)
    await world.github.push_to_pull(pull, {"more.py": "MORE = 1\n"})
    return pull


async def command(world: AppWorld, fault: Fault, strike: Strike) -> Pull:
    repository = await world.make_repository()
    await world.github.push(repository, "feature", {"shop.py": "SHOP = 1\n"}, user="alice", lost=True)
    pull = await world.github.open_pull(repository, "feature", author="alice", lost=True)
    strike_at(world, fault, strike)
    await world.github.comment(pull, "alice", "/onceover help")
    return pull


def strike_at(world: AppWorld, fault: Fault, strike: Strike) -> None:
    world.github.faults.add(fault)
    if strike.lists_lag:
        world.let_lists_lag()


ACTS: Final[Mapping[str, Callable[[AppWorld, Fault, Strike], Awaitable[Pull]]]] = {
    "review": review,
    "review with remarks": review_with_remarks,
    "push": push,
    "command": command,
}


async def test_a_locked_conversation_gets_a_check_run_that_says_so_and_nothing_else(world: AppWorld) -> None:
    async with world.process():
        repository = await world.make_repository(files={".github/onceover.yml": PLAIN})
        await world.github.push(repository, "feature", {"shop.py": "SHOP = 1\n"}, user="alice", lost=True)
        pull = await world.github.open_pull(repository, "feature", author="alice", lost=True)
        await world.github.lock(pull, lost=True)
        await world.github.push_to_pull(pull, {"more.py": "MORE = 1\n"})
        await world.until_quiet(pull)

    world.github.leftovers({pull: Left(check_runs=1)})
    [check] = check_runs(pull, world.github.app)
    assert check.conclusion != "success"
    assert "lock" in (check.summary or "") + (check.text or "") + (check.title or "")


async def test_tokens_that_github_does_not_know_at_first_cost_a_wait_and_nothing_else(world: AppWorld) -> None:
    world.github.faults.add(Fault(kind="fresh_token", requests=1))

    async with world.process():
        pull = await world.open_plain_pull()
        await world.until_quiet(pull)

    world.github.leftovers({pull: REVIEWED})
