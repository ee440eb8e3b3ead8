"""Processes of the App as an operator meets them: what they say at the start, how they end, and what they refuse."""

import asyncio
import contextlib
import json
import re
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from bot.app.process import open_app
from bot.app.running import UnknownRole, parse_roles
from bot.app_credentials import Role, required_for, without_others
from bot.demo.simulated_github.faults import Fault
from bot.demo.simulated_github.leftovers import check_runs
from bot.exit_codes import ExitCode
from tests.app.world import AppWorld
from tests.bot.command_world import ONCEOVER, CommandWorld, Running
from tests.conftest import StartRedis

LISTENS = r"onceover: listening on http://127\.0\.0\.1:(\d+), deliveries go to /webhooks/github\n"
KEY = "ONCEOVER_GITHUB_PRIVATE_KEY"
WORKERS = frozenset({Role.REVIEWER, Role.PUBLISHER, Role.BROKER})
NO_KEY = {KEY: "", "ONCEOVER_GITHUB_APP_ID": ""}


@pytest.fixture
async def shell(app: AppWorld, tmp_path: Path) -> AsyncIterator[CommandWorld]:
    """A shell in which the App's settings are set."""
    place = tmp_path / "shell"
    place.mkdir()
    async with CommandWorld(place) as shell:
        set_here = {name: value for name, value in app.environment().items() if name.startswith("ONCEOVER_")}
        shell.settings = set_here | {"ONCEOVER_HOST": "127.0.0.1"}
        yield shell


async def start(shell: CommandWorld, *command: str, **settings: str) -> Running:
    return await shell.launch(*ONCEOVER, *command, settings=settings)


async def address_of(running: Running) -> str:
    """Wait until the door listens; give its address."""
    return f"http://127.0.0.1:{(await running.says(LISTENS))[1]}"


async def ask(url: str) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        return await client.get(url)


# The start ----------------------------------------------------------------------------------------------------------


async def test_a_publisher_without_the_apps_key_says_all_that_is_missing(shell: CommandWorld) -> None:
    ended = await (await start(shell, "worker", "--roles", "publisher", **NO_KEY)).end()

    assert ended.code == ExitCode.CONFIGURATION
    assert "ONCEOVER_GITHUB_APP_ID" in ended.news
    assert f"{KEY} or {KEY}_FILE, for publisher\n" in ended.news


async def test_a_role_that_no_worker_can_hold_is_refused(shell: CommandWorld) -> None:
    ended = await (await start(shell, "worker", "--roles", "reviewer,door")).end()

    assert ended.code == ExitCode.USAGE
    assert "`door` is no role of a worker. Roles are: broker, publisher, reviewer." in ended.news


@pytest.mark.parametrize("text", ["clerk", " , ", "", "Reviewer"])
def test_what_is_no_role_is_none(text: str) -> None:
    with pytest.raises(UnknownRole, match="is no role of a worker"):
        parse_roles(text, allowed=WORKERS)


def test_roles_are_read_with_spaces_and_twice() -> None:
    read = parse_roles(" reviewer, broker,reviewer,", allowed=WORKERS)

    assert read == {Role.REVIEWER, Role.BROKER}


async def test_a_reviewer_that_was_given_the_apps_key_says_so_and_works_on(shell: CommandWorld) -> None:
    running = await start(shell, "worker", "--roles", "reviewer")

    await running.says(r"onceover: working as reviewer; stop with Ctrl-C or SIGTERM")
    running.send(signal.SIGTERM)
    ended = await running.end()

    assert ended.code == ExitCode.DONE
    assert f"warning: {KEY} is held by a process that is reviewer only. Take it out" in ended.news
    assert "BEGIN" not in ended.news


async def test_a_reviewer_holds_nothing_that_could_write(app: AppWorld) -> None:
    reviewer = frozenset({Role.REVIEWER})
    settings = without_others(reviewer, app.read_settings())

    async with open_app(settings, required_for(reviewer, settings), reviewer) as process:
        held = (process.writer, process.mirror, process.desk, process.recovery)
        publishing = [name for name in ("comment", "obey") if process.graphs.all[name].run.__name__ != "_elsewhere"]

    assert held == (None, None, None, None)
    assert publishing == []
    assert (settings.github.private_key, settings.github.webhook_secret) == (None, None)


async def test_a_port_that_is_taken_is_told_in_a_sentence(shell: CommandWorld) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        ended = await (await start(shell, "serve", ONCEOVER_PORT=port)).end()

    assert ended.code == ExitCode.CONFIGURATION
    assert (
        f"onceover: Cannot listen on 127.0.0.1:{port}: Address already in use."
        " Set ONCEOVER_HOST and ONCEOVER_PORT to an address that is free.\n"
    ) in ended.news


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_a_redis_that_is_not_there_ends_the_start_with_a_sentence(shell: CommandWorld, command: str) -> None:
    ended = await (await start(shell, command, ONCEOVER_REDIS_URL="redis://:canary@127.0.0.1:1/0")).end()

    assert ended.code in {ExitCode.CONFIGURATION, ExitCode.UPSTREAM}
    assert "127.0.0.1:1" in ended.news
    assert "canary" not in ended.news


# At work ------------------------------------------------------------------------------------------------------------


async def test_the_door_answers_tells_what_it_counts_and_ends_when_asked(shell: CommandWorld) -> None:
    running = await start(shell, "serve")
    address = await address_of(running)

    health, ready, metrics = [await ask(f"{address}/{page}") for page in ("health", "ready", "metrics")]
    running.send(signal.SIGTERM)
    ended = await running.end()

    assert [one.status_code for one in (health, ready, metrics)] == [200, 200, 200]
    assert ready.json()["ready"] is True
    assert "# TYPE onceover_runs_live gauge" in metrics.text
    assert 'onceover_runs_live{role="reviewer"} 0' in metrics.text
    assert (ended.code, ended.out) == (ExitCode.DONE, "")
    assert "stopping: steps under way finish, the rest is handed on.\n" in ended.news
    assert "Started server process" not in ended.news, "uvicorn's own words are not ours."


async def test_a_door_whose_redis_went_away_says_so_and_takes_nothing(
    shell: CommandWorld, start_redis: StartRedis
) -> None:
    server = start_redis("--appendonly", "no")
    running = await start(shell, "serve", ONCEOVER_REDIS_URL=server.url)
    address = await address_of(running)
    server.close()

    ready, metrics = await asyncio.gather(ask(f"{address}/ready"), ask(f"{address}/metrics"))
    running.send(signal.SIGINT)
    ended = await running.end()

    assert (ready.status_code, ready.json()["ready"]) == (503, False)
    assert "Redis" in ready.json()["reasons"][0]
    assert (metrics.status_code, "# The store could not be read." in metrics.text) == (200, True)
    assert ended.code == ExitCode.INTERRUPTED


async def test_a_process_that_is_asked_to_stop_finishes_its_step_and_the_next_goes_on(
    app: AppWorld, shell: CommandWorld
) -> None:
    repository = await app.make_repository(files={".github/onceover.yml": "stages: {test: false}\n"})
    running = await start(shell, "dev")
    app.github.app.webhook_url = f"{await address_of(running)}/webhooks/github"
    await running.says("working as broker, publisher, reviewer")
    hanging = app.github.faults.add(Fault(kind="hang", path="/pulls/1$"))
    pull = await app.open_pull(repository)
    await hanging.reached()

    running.send(signal.SIGTERM)
    await running.says("stopping: steps under way finish")
    hanging.release()
    ended = await running.end()
    before = len(check_runs(pull, app.github.app))
    following = await start(shell, "worker")
    await app.until_concluded(pull)
    following.send(signal.SIGTERM)
    await following.end()

    assert (ended.code, before) == (ExitCode.DONE, 1)
    looks = [one for one in app.github.requests if one.path == "/repos/acme/shop/pulls/1"]
    assert len(looks) == 1, "The step that was under way is not done again."
    assert len(check_runs(pull, app.github.app)) == 1
    assert "advance(" not in ended.news, "arq's own words are not ours."
    for secret in (app.github.app.private_key[40:80], app.github.app.webhook_secret, "ghs_"):
        assert secret not in ended.news


# Commands about it --------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def missed(app: AppWorld) -> AsyncIterator[None]:
    """Let one delivery fail, and nobody be there."""
    app.github.app.webhook_url = "http://127.0.0.1:9/webhooks/github"
    repository = await app.make_repository()
    await app.github.push(repository, "feature", {"a.py": "A = 1\n"}, user="alice", lost=True)
    await app.github.open_pull(repository, "feature", author="alice")
    yield


async def test_recover_tells_a_program_what_it_found(app: AppWorld, shell: CommandWorld) -> None:
    async with missed(app):
        ended = await (await start(shell, "deliveries", "recover", "--json")).end()

    found = json.loads(ended.out)
    assert ended.code == ExitCode.DONE
    assert (found["redelivered"], found["repositories"], found["heads"]) == (found["failed_deliveries"], 1, 1)
    assert found["problems"] == []


async def test_recover_tells_a_person_what_it_found_and_fails_if_it_could_not_look_everywhere(
    app: AppWorld, shell: CommandWorld
) -> None:
    app.github.faults.add(Fault(kind="refuse", path="/pulls$", status=500, body="{}", times=None))
    async with missed(app):
        ended = await (await start(shell, "deliveries", "recover")).end()

    assert ended.code == ExitCode.UPSTREAM
    assert re.match(r"Missed deliveries: (\d+) of \1 are sent again\.\n", ended.out)
    assert "Missed heads in 1 repository: 0 are to be reviewed.\n" in ended.out
    assert "not looked at: acme/shop: GitHub answered 500" in ended.out


async def test_a_delivery_is_told_and_one_that_never_came_is_not_known(app: AppWorld, shell: CommandWorld) -> None:
    door = frozenset({Role.DOOR})
    async with app.process(door):
        await app.open_pull(await app.make_repository())
    guid = next(one.guid for one in app.github.deliveries if one.event == "pull_request")

    asked = [(guid,), (guid, "--json"), ("no-such\x1b[2J",)]
    started = [await start(shell, "deliveries", "show", *words) for words in asked]
    person, program, unknown = [await one.end() for one in started]

    record = json.loads(program.out)
    assert (person.code, program.code, unknown.code) == (ExitCode.DONE, ExitCode.DONE, ExitCode.USAGE)
    assert person.out.startswith("pull_request.opened, ")
    assert f"accepted, run {record['run']}" in person.out
    assert (record["event"], record["outcome"]) == ("pull_request.opened", "accepted")
    assert "\x1b" not in unknown.news
    assert "was taken here. `onceover deliveries recover` has GitHub send again what failed." in unknown.news


async def test_a_run_of_the_app_is_opened_again_for_the_next_free_worker(app: AppWorld, shell: CommandWorld) -> None:
    door = frozenset({Role.DOOR})
    async with app.process(door) as process:
        pull = await app.open_pull(await app.make_repository())
        run_id = (await app.run_of(process, pull)).run_id

    cancelled = await (await start(shell, "runs", "cancel", run_id)).end()
    resumed = await (await start(shell, "runs", "resume", run_id)).end()

    assert (cancelled.code, resumed.code) == (ExitCode.DONE, ExitCode.DONE)
    assert resumed.out == f"{run_id} is open again; the next free worker goes on with it.\n"
