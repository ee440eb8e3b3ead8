"""The demonstration shows what it promises, within its budget: a review killed, resumed, and nothing paid for twice."""

from tests.bot.command_world import CommandWorld, is_alive, processes_with


async def test_the_demo_kills_a_review_and_asks_nothing_twice(world: CommandWorld) -> None:
    kept = world.place / "kept"

    ended = await world.run("demo", "--keep", str(kept))

    assert ended.code == 0
    assert "kill -9" in ended.news
    assert "Model calls answered before the kill: 1. Asked again after it: 0." in ended.news
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
