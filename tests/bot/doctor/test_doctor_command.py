"""`onceover doctor` as a process: exit code, table and JSON."""

import json

import pytest

from tests.bot.command_world import CommandWorld


async def test_a_program_reads_what_failed_and_the_exit_code_says_that_something_did(
    world: CommandWorld,
) -> None:
    ended = await world.run("doctor", "--json", ONCEOVER_REDIS_URL="redis://:canary@127.0.0.1:9")

    document = json.loads(ended.out)
    assert ended.code == 3
    assert (document["schema_version"], document["fine"]) == (1, False)
    failed = [check for check in document["checks"] if check["state"] == "failed"]
    assert [check["name"] for check in failed] == ["redis.reachable"]
    assert "cannot be reached" in failed[0]["said"]
    assert failed[0]["next_step"]
    assert "canary" not in ended.out + ended.news


async def test_a_fresh_machine_is_fine_and_the_table_says_what_could_be_added(world: CommandWorld) -> None:
    ended = await world.run("doctor")

    assert ended.code == 0, ended.out
    assert "✔  redis.write" in ended.out
    assert "`onceover setup` registers one." in ended.out
    assert "✘" not in ended.out


@pytest.mark.parametrize("roles", ["reviewer,janitor", ","])
async def test_an_unknown_role_is_a_usage_error(world: CommandWorld, roles: str) -> None:
    ended = await world.run("doctor", "--roles", roles)

    assert ended.code == 2
    assert "is no role" in ended.news
    assert "Roles are: broker, door, publisher, reviewer." in ended.news
