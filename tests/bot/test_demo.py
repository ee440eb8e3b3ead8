"""The demonstration shows what it promises, within its budget, and leaves nothing behind, however it ends."""

import asyncio
import re
import signal
from itertools import takewhile
from pathlib import Path

import pytest

from tests.bot.command_world import ONCEOVER, PATIENCE_SECONDS_MAX, CommandWorld, is_alive, processes_with

HELD = (
    "the webhook was accepted and became a run",
    "the same delivery once more changed nothing",
    "the dead worker's run was taken back",
    "model calls answered before the kill: 2, asked again after it: 0",
    "the comment that GitHub wrote and answered with 502 was not written twice",
    "on the pull request: comments 1, reviews 1, check runs 1",
    "the check run is concluded: failure",
)


async def test_the_demo_shows_the_app_keeping_each_promise_on_a_bad_day(world: CommandWorld) -> None:
    kept = world.place / "kept"

    ended = await world.run("demo", "--keep", str(kept))

    assert ended.code == 0, ended.news
    assert [line.strip() for line in ended.news.splitlines() if "✔" in line and "   ✔ " in line][-7:] == [
        f"✔ {promise}" for promise in HELD
    ]
    story = list(takewhile(lambda line: not line.startswith("6."), ended.news.splitlines()))
    assert acts(story) == [
        "Onceover starts",
        "alice opens a pull request",
        "kill -9",
        "A new reviewer starts",
        "GitHub writes the summary comment and answers 502",
    ]
    assert sum("webhook    202 accepted" in line for line in story) == 2
    assert sum("webhook    202 duplicate" in line for line in story) == 1
    assert "   comment    found by its marker; it stands once" in story
    assert any("● analyze  ◔ test  ✓ docs" in line for line in story)
    assert ended.out.count("onceover[bot] reviewed") == ended.out.count("onceover[bot] commented") == 1
    assert "Every discount below 100 % is lost" in ended.out
    assert "<details>" not in ended.out
    assert "<!--" not in ended.out
    assert not [pid for pid in processes_with(kept) if is_alive(pid)]
    [run] = re.findall(rf"ONCEOVER_STATE_DIR={kept}/state onceover runs show (r_\w+)", ended.news)
    story_of_run = await world.run("runs", "show", run, ONCEOVER_STATE_DIR=str(kept / "state"))
    assert "lease taken back from a dead process" in story_of_run.out


def acts(story: list[str]) -> list[str]:
    """Find the headings, without what differs from run to run."""
    headings = [match[1] for line in story if (match := re.match(r"\d\. ([^:]+)", line))]
    return [re.sub(r"(kill -9) \d+", r"\1", heading) for heading in headings]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_demo_that_is_ended_ends_all_that_it_started(world: CommandWorld, number: signal.Signals) -> None:
    kept = world.place / "kept"
    world.settings["TMPDIR"] = str(world.place)  # What kill -9 leaves there goes with the test's own directory.
    demo = await world.launch(*ONCEOVER, "demo", "--keep", kept)
    await demo.says("check run  ●")

    demo.send(number)
    await demo.process.wait()

    assert demo.process.returncode == (-number if number is signal.SIGKILL else 130)
    await all_ended(kept)


async def all_ended(place: Path) -> None:
    """Wait until no process has to do with a directory; a killed parent's children take a moment to end in order."""
    async with asyncio.timeout(PATIENCE_SECONDS_MAX):
        while any(is_alive(pid) for pid in processes_with(place)):  # noqa: ASYNC110 - the kernel tells nobody.
            await asyncio.sleep(0.05)


async def test_the_local_demo_kills_a_review_and_asks_nothing_twice(world: CommandWorld) -> None:
    kept = world.place / "kept"

    ended = await world.run("demo", "--local", "--keep", str(kept))

    assert ended.code == 0
    assert "kill -9" in ended.news
    assert "Model calls answered before the kill: 2. Asked again after it: 0." in ended.news
    assert "going on with run" in ended.news
    assert "## ❌ Onceover: changes needed" in ended.out
    for planted in ("Every discount below 100 % is lost", "A shell command is built from a string", "docs/pricing.md"):
        assert planted in ended.out
    assert f"ONCEOVER_STATE_DIR={kept}/state onceover runs list" in ended.news
    assert (kept / "shop" / ".git").is_dir()
    assert not [pid for pid in processes_with(kept) if is_alive(pid)]


async def test_the_demo_says_what_is_wrong_with_a_place_before_it_begins(world: CommandWorld) -> None:
    within = world.make_repository().path / "demo"
    (world.place / "file").write_text("")

    ended = [await world.run("demo", "--keep", place) for place in (within, world.place / "file")]

    assert [one.code for one in ended] == [2, 2]
    assert "lies in the git work tree" in ended[0].news
    assert "File exists" in ended[1].news
    assert all("Name a new one with `--keep`" in one.news for one in ended)


async def test_the_demo_takes_no_directory_that_holds_something(world: CommandWorld) -> None:
    (world.place / "mine").mkdir()
    (world.place / "mine" / "thesis.txt").write_text("almost done\n")

    ended = await world.run("demo", "--keep", str(world.place / "mine"))

    assert ended.code == 2
    assert "is not empty" in ended.news
    assert (world.place / "mine" / "thesis.txt").read_text() == "almost done\n"
