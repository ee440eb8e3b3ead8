"""`onceover sandbox`: what a person and a program can rely on."""

import json
import secrets
from pathlib import Path

import pytest

from tests.bot.command_world import CommandWorld
from tests.services.sandbox.chamber import left_over, open_place, why_no_namespaces


@pytest.fixture(scope="module", autouse=True)
def namespaces() -> None:
    """Skip, loudly, where the kernel denies what every sandbox is made of."""
    if why := why_no_namespaces():
        pytest.skip(why)


@pytest.fixture
def checkout(world: CommandWorld) -> Path:
    """A directory with a file."""
    place = world.place / "checkout"
    place.mkdir(mode=0o700)
    (place / "prices.txt").write_text("two\n")
    return place


async def test_it_prints_what_the_command_prints_passes_its_exit_code_on_and_hands_it_nothing(
    world: CommandWorld, checkout: Path
) -> None:
    world.settings["A_KEY_OF_OURS"] = "canary"

    ended = await world.run(
        "sandbox", "run", "--checkout", checkout, "--timeout", "20", "--memory-mb", "64", "--pids", "20",
        "--tmp-mb", "8", "--work-mb", "8", "--output-kb", "64",
        "--", "sh", "-c", "cat prices.txt; env; cat /proc/*/environ >&2; exit 7",
    )  # fmt: skip

    assert ended.code == 7
    assert ended.out.startswith("two\n")
    assert "canary" not in ended.out + ended.news


async def test_124_says_that_a_limit_was_reached_and_the_output_until_then_is_there(
    world: CommandWorld, checkout: Path
) -> None:
    token = f"token-{secrets.token_hex(8)}"

    ended = await world.run(
        "sandbox", "run", "--checkout", checkout, "--timeout", "0.5",
        "--", "sh", "-c", "echo begun; setsid sh -c 'sleep 600; exit' $0 & sleep 600", token,
    )  # fmt: skip

    assert (ended.code, ended.out) == (124, "begun\n")
    assert "It took more than 0.5 s." in ended.news
    assert left_over(token) == []


async def test_125_says_that_the_sandbox_could_not_start(world: CommandWorld) -> None:
    ended = await world.run("sandbox", "run", "--checkout", world.place / "nowhere", "--", "true")

    assert (ended.code, ended.out) == (125, "")
    assert "nowhere" in ended.news


@pytest.mark.parametrize("arguments", [[], ["--memory-mb", "0", "--", "true"], ["--memory", "64", "--", "true"]])
async def test_2_says_that_it_was_called_wrongly(world: CommandWorld, checkout: Path, arguments: list[str]) -> None:
    assert (await world.run("sandbox", "run", "--checkout", checkout, *arguments)).code == 2


async def test_the_check_shows_every_attack_with_its_outcome(world: CommandWorld) -> None:
    ended = await world.run("sandbox", "check", "--json")

    document = json.loads(ended.out)
    assert ended.code == 0
    assert document["holds"] is True
    assert {one["case"] for one in document["attempts"]} == {58, 59, 60, 61, 62, 64, 65, 66, 68, 69, 70}
    assert all(one["held"] for one in document["attempts"])


async def test_a_check_that_fails_ends_with_1_and_nothing_is_run(world: CommandWorld, checkout: Path) -> None:
    with open_place() as broken:
        (broken / "bwrap").write_text("#!/bin/sh\necho 'bwrap: no' >&2\nexit 1\n")
        (broken / "bwrap").chmod(0o755)
        world.settings["PATH"] = f"{broken}:/usr/bin:/bin"

        checked = await world.run("sandbox", "check")
        ended = await world.run("sandbox", "run", "--checkout", checkout, "--", "touch", checkout / "ran")

    assert checked.code == 1
    assert "12 attacks got through: nothing is run in this sandbox." in checked.out
    assert ended.code == 125
    assert "bwrap: no" in ended.news
    assert not (checkout / "ran").exists()
