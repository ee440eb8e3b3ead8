"""What a command cannot use: a clear sentence, the next step, the documented exit code, and nothing lost."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest
from redis.asyncio import Redis

from bot.demo.scripted_llm import Rule, Script
from tests.bot.command_world import DOUBTS, NOTHING_TO_SAY, ONCEOVER, WORDS, CommandWorld, Ended
from tests.builders.repository import RepositoryBuilder
from tests.conftest import StartRedis

USAGE, CONFIGURATION, UPSTREAM = 2, 3, 4


def last_word(ended: Ended) -> str:
    """What it said last; all of it is one sentence or a list of them, and nothing is a result."""
    assert ended.out == ""
    return ended.news.removeprefix("onceover: ").removesuffix("\n")


# The repository ------------------------------------------------------------------------------------------------------


async def test_what_cannot_be_compared_is_named_with_the_way_out(world: CommandWorld) -> None:
    shop = world.make_repository()
    shop.git("checkout", "-q", "--orphan", "elsewhere")
    shop.git("commit", "-q", "-m", "Begin anew")
    shallow = world.place / "shallow"
    shop.git("clone", "-q", "--depth", "1", "--no-single-branch", f"file://{shop.path}", str(shallow))
    (world.place / "plain").mkdir()
    (world.place / "empty").mkdir()
    empty = RepositoryBuilder(path=world.place / "empty")

    ended = await asyncio.gather(
        world.run("review", "--repo", world.place / "plain"),
        world.run("review", "--repo", world.place / "no\x1b[31mwhere"),
        world.run("review", "--repo", empty.path),
        world.review("--base", "mian", "--head", "feature"),
        world.review("--head", "--fresh"),
        world.review("--head", "", "--base", "main"),
        world.review("--base", "main", "--head", "elsewhere"),
        world.run("review", "--repo", shallow, "--base", "origin/main", "--head", "origin/feature"),
        world.review("--test-command", "pytest 'unit"),
        world.review("--test-command", " "),
    )

    assert [one.code for one in ended] == [USAGE] * len(ended)
    said = [last_word(one) for one in ended]
    assert said[0] == f"{world.place}/plain is not in a git repository. Name one with `--repo`."
    assert "no\\x1b[31mwhere' is no directory. Name a git repository with `--repo`." in said[1]
    assert "neither `origin/HEAD` nor main, master, trunk or develop. Name it with `--base`." in said[2]
    assert said[3] == "`mian` is no commit, branch or tag of this repository. Did you mean `main`?"
    assert "--head requires an argument" in said[4]
    assert said[5] == "'' is no name of a commit. Name a branch, a tag or a SHA."
    assert "have no common ancestor: their histories are unrelated. Name another base with `--base`." in said[6]
    assert "This clone is too shallow" in said[7]
    assert "`git fetch --unshallow`" in said[7]
    assert said[8] == "--test-command cannot be split into words: No closing quotation. Close the quote."
    assert said[9].startswith("--test-command is empty. Name a program")


async def test_five_thousand_files_and_a_hundred_times_as_many_lines_are_reviewed(world: CommandWorld) -> None:
    files = {f"dir{number % 50}/note{number}.txt": f"Note {number}.\n" for number in range(4_980)}
    lines = {f"list{number}.txt": "a line that is a line\n" * 10_000 for number in range(20)}
    world.make_repository({**files, **lines})

    ended = await world.review("--json")

    assert ended.code == 0
    assert "5,000 changed files" in ended.review["headline"]
    assert "204,980 lines added" in ended.review["comment_markdown"]


async def test_a_line_of_five_megabytes_is_not_read_and_says_so(world: CommandWorld) -> None:
    world.make_repository({"huge.txt": "word " * 1_000_000, "small.txt": "A word.\n"})

    ended = await world.review("--json")

    [gap] = [one for one in ended.review["not_reviewed"] if one["gap"]]
    assert (ended.code, ended.review["verdict"]) == (0, "partial")
    assert (gap["what"], gap["why"]) == ("huge.txt", "too large: 5,000,000 bytes, the limit is 1,000,000")


# Settings and the state directory ------------------------------------------------------------------------------------


async def test_all_wrong_settings_are_told_at_once(world: CommandWorld) -> None:
    world.make_repository()
    world.settings |= {
        "ONCEOVER_LEASE_SECONDS": "soon",
        "ONCEOVER_LLM_MODLE": "gpt",
        "ONCEOVER_LLM_FALLBACK_MODELS": "b,c",
        "OPENAI_BASE_URL": "ftp://somewhere",
        "ONCEOVER_REDIS_URL": "redis://:pa55word@host:port",
    }

    ended = await world.review()

    assert ended.code == CONFIGURATION
    assert len(last_word(ended).splitlines()) == 1 + len(world.settings) + 1
    assert all(name in ended.news for name in world.settings)
    assert "perhaps ONCEOVER_LLM_MODEL is meant" in ended.news
    assert "pa55word" not in ended.news


async def test_a_state_directory_that_cannot_be_used_is_named(world: CommandWorld) -> None:
    world.make_repository()
    (world.place / "file").write_text("in the way")
    locked = world.place / "locked"
    locked.mkdir(mode=0o500)
    (locked / "redis").mkdir()
    if os.geteuid() == 0:
        os.chown(locked / "redis", 65_534, 65_534)  # Root writes where it may not: let it be somebody else's.

    ended = await asyncio.gather(
        world.run("runs", "list", ONCEOVER_STATE_DIR=str(world.place / "file")),
        world.run("runs", "list", ONCEOVER_STATE_DIR=str(locked)),
    )

    assert [one.code for one in ended] == [CONFIGURATION] * 2
    assert "cannot be made (Not a directory)" in ended[0].news
    assert "Set ONCEOVER_STATE_DIR to a directory of your own" in ended[0].news
    assert "belongs to user 65534" in ended[1].news or "cannot be written" in ended[1].news


async def test_a_disk_that_is_full_stops_the_review_and_loses_nothing(world: CommandWorld) -> None:
    """A limit on the size of files, which the server of ours inherits, is as good as a small disk.

    Python 3.11 keeps bytecode that such a disk cut short, and cannot start from it again (CPython issue 126606).
    """
    world.make_repository()
    world.settings["PYTHONDONTWRITEBYTECODE"] = "1"
    command = (*ONCEOVER, "review", "--repo", world.place / "shop", "--json")
    async with world.model() as llm:
        full = await (await world.launch("sh", "-c", 'ulimit -f 24; exec "$@"', "-", *command)).end()
        calls = len(llm.calls)
        done = await world.review("--json")

    assert full.code == CONFIGURATION
    assert "The disk has no room for the runs" in full.news
    assert "Free some space or set ONCEOVER_STATE_DIR to another disk" in full.news
    assert done.code == 0
    assert "going on with run" in done.news
    assert len(llm.calls) - calls <= 2


# Redis ---------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def web_server() -> AsyncIterator[int]:
    """Listen as a server that answers every request with a page; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_redis_that_is_none_or_lets_nobody_in_is_named_without_its_password(
    world: CommandWorld, start_redis: StartRedis
) -> None:
    world.make_repository()
    locked = start_redis("--requirepass", "right")
    async with web_server() as port, web_server() as closed:
        pass

    async with web_server() as port:
        ended = await asyncio.gather(
            world.run("runs", "list", ONCEOVER_REDIS_URL=f"redis://me:pa55@127.0.0.1:{closed}/0"),
            world.run("runs", "list", ONCEOVER_REDIS_URL=f"redis://me:pa55@127.0.0.1:{port}/0"),
            world.run("runs", "list", ONCEOVER_REDIS_URL=f"unix://:pa55@{locked.socket}"),
        )

    assert [one.code for one in ended] == [CONFIGURATION] * 3
    assert f"The Redis at redis://***@127.0.0.1:{closed}/0 cannot be reached" in ended[0].news
    assert "does not speak the Redis protocol" in ended[1].news
    assert "does not let us in" in ended[2].news
    assert all("ONCEOVER_REDIS_URL" in last_word(one) for one in ended)
    assert not any("pa55" in one.news for one in ended)


async def test_a_redis_that_may_forget_is_warned_of_and_used(world: CommandWorld, start_redis: StartRedis) -> None:
    world.make_repository()
    world.settings["ONCEOVER_REDIS_URL"] = start_redis("--appendonly", "no", "--maxmemory-policy", "allkeys-lru").url

    told = await world.review()
    quiet = await world.review("--quiet")

    assert (told.code, quiet.code) == (0, 0)
    assert "warning: The server keeps no AOF: when it ends, runs that it confirmed are lost. Turn it on" in told.news
    assert "warning: The server may throw away keys (`allkeys-lru`)" in told.news
    assert "Run `CONFIG SET maxmemory-policy noeviction`." in told.news
    assert quiet.news == ""


async def test_a_redis_whose_memory_is_full_ends_the_command_and_the_review_goes_on_when_there_is_room(
    world: CommandWorld, start_redis: StartRedis
) -> None:
    world.make_repository()
    server = start_redis("--appendonly", "yes", "--maxmemory-policy", "noeviction")
    world.settings["ONCEOVER_REDIS_URL"] = server.url
    async with (
        world.model(WORDS, NOTHING_TO_SAY.model_copy(update={"gate": "full"})) as llm,
        Redis.from_url(server.url) as redis,
    ):
        running = await world.start_review()
        await llm.wait_calls(1)
        await redis.config_set("maxmemory", 1)
        await llm.open_gate("full")
        full = await running.end()
        refused = await world.review()

        await redis.config_set("maxmemory", 0)
        done = await world.review()

    assert (full.code, refused.code) == (CONFIGURATION, CONFIGURATION)
    assert "Redis refuses to write" in full.news
    assert "Free memory" in full.news
    assert "Redis refuses to write" in last_word(refused)
    assert done.code == 0
    assert "going on with run" in done.news


# The model -----------------------------------------------------------------------------------------------------------

NO_WAIT: Final = {"retry-after": "0"}

TROUBLES: Final = {
    "rubbish": (Rule(text="I like it!"), "its answer did not fit, nor did the repaired one", 2),
    "html": (Rule(body="<html>", headers={"content-type": "text/html"}), "answered with a web page", 2),
    "a wrong key": (Rule(status=401, body='{"error": "sk-not-a-key-of-anybody"}'), "does not accept the key", 1),
    "too much": (Rule(status=429, headers=NO_WAIT, body='{"error": "slow"}'), "answered 429 for model scripted-1", 3),
    "broken": (Rule(status=500, headers=NO_WAIT, body='{"error": "oops"}'), "answered 500 for model scripted-1", 3),
    "nothing": (Rule(fault="empty_body"), "answered 200 without a chat completion", 3),
}
"""What the server does, what the page says of it, and how many calls it takes to find out."""


def gaps(ended: Ended) -> dict[str, str]:
    """What was wanted and could not be done, and why."""
    return {one["what"]: one["why"] for one in ended.review["not_reviewed"] if one["gap"]}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_model_that_fails_costs_its_part_of_the_review_alone(world: CommandWorld, trouble: str) -> None:
    world.make_repository({"shop.sh": "#!/bin/sh\nrm -r $1\n"})
    rule, why, calls = TROUBLES[trouble]

    async with world.model(WORDS, rule) as llm:
        ended = await world.review("--json", "--fail-on", "never")

    assert (ended.code, ended.review["verdict"]) == (UPSTREAM, "partial")
    assert why in gaps(ended)["model"]
    assert "tried again" not in gaps(ended)["model"]
    assert "shellcheck" in ended.review["comment_markdown"], "The analysers have done their part."
    assert [call.rule for call in llm.calls] == [1] * calls
    assert "sk-not-a-key" not in ended.out + ended.news


@pytest.mark.parametrize("rule", [Rule(fault="hang"), Rule(text="I like it!")], ids=["never", "rubbish"])
async def test_a_model_that_failed_is_asked_again_by_the_same_command(world: CommandWorld, rule: Rule) -> None:
    world.make_repository()
    world.settings["ONCEOVER_LLM_TIMEOUT_SECONDS"] = "1"
    async with world.model(WORDS, rule) as llm:
        failed = await world.review("--json")

        world.settings["ONCEOVER_LLM_TIMEOUT_SECONDS"] = "60"
        llm.script = Script(rules=(WORDS, NOTHING_TO_SAY))
        healed = await world.review("--json")

    assert (failed.code, list(gaps(failed))) == (UPSTREAM, ["model"])
    assert "still to do: analyze, summarize and comment" in healed.news
    assert (healed.code, gaps(healed)) == (0, {})


# Whoever reads -------------------------------------------------------------------------------------------------------

HOSTILE_NAME: Final = "sh\x1b]0;owned\x07op\x9b31m.py"
HOSTILE_TEXT: Final = "import os\ndef f(a=[]):\n    '\x1b[6n\x1b]8;;https://example.invalid\x07'\n    return eval(a)\n"


async def test_nothing_of_a_stranger_reaches_a_terminal_raw(world: CommandWorld) -> None:
    """File names, content, a commit's title, a branch, test output and a model's words, on a terminal of its own."""
    repository = world.make_repository({HOSTILE_NAME: HOSTILE_TEXT})
    repository.commit({"a.txt": "a text"}, "Title \x1b]0;owned\x07 \x1b[2J")
    repository.git("update-ref", "refs/heads/feat\udce9", "HEAD")
    repository.git("symbolic-ref", "HEAD", "refs/heads/feat\udce9")
    finding = {
        "path": "a.txt",
        "line": 1,
        "line_end": 1,
        "severity": "low",
        "evidence": "a text",
        "category": "bug\x1b]0;owned\x07",
    }
    remark = finding | {"title": "\x1b[5n", "claim": "\x9b6n \u202e", "confidence": 1, "suggestion": "\x1b[3J"}
    tests = "sh -c 'printf \"\\033]0;owned\\007 \\033[6n\"; exit 1'"

    async with world.model(WORDS, DOUBTS, Rule(answer={"walkthrough": "\x1b[2J", "findings": [remark]})):
        shown = await on_a_terminal(world, "review", "--repo", "shop", "--test-command", tests)
        listed = await on_a_terminal(world, "runs", "list")

    assert b"Changes needed" in shown
    assert b"\x1b[1m" in shown, "It was a terminal, with colours."
    assert b"<U+001B>]0;owned<U+0007>" in shown
    assert b"feat<U+DCE9>" in listed
    for raw in (b"\x1b]", b"\x07", b"\x9b", b"\x1b[2J", b"\x1b[3J", b"\x1b[5n", b"\x1b[6n", "\u202e".encode()):
        assert raw not in shown.replace(b"\xc2\x9b", b"\x9b") + listed


async def on_a_terminal(world: CommandWorld, *arguments: str) -> bytes:
    """Run a command on a pseudo-terminal and answer all that the terminal got."""
    ours, theirs = os.openpty()
    command = [os.fsencode(part) for part in (*ONCEOVER, *arguments)]
    environment = world.environment() | {"TERM": "xterm-256color", "COLUMNS": "200"}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=world.place, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    got = asyncio.create_task(asyncio.to_thread(read_all, ours))
    await process.wait()
    return await got


def read_all(terminal: int) -> bytes:
    """Read until the other side is closed, which Linux tells as an error."""
    pieces = []
    try:
        while piece := os.read(terminal, 65_536):
            pieces.append(piece)
    except OSError:
        pass
    os.close(terminal)
    return b"".join(pieces)


async def test_a_reader_who_leaves_changes_nothing_of_how_a_command_ends(world: CommandWorld) -> None:
    world.make_repository({"shop.py": "def f(a=[]):\n    return a\n"})
    review = " ".join([*ONCEOVER, "review", "--repo", str(world.place / "shop")])

    async def in_a_shell(line: str) -> Ended:
        return await (await world.launch("bash", "-c", f"{line}; echo ends ${{PIPESTATUS[0]}} >&2")).end()

    first = await in_a_shell(f"{review} | head -1")
    deaf = await in_a_shell(f"{review} --fresh 2>&1 | true")
    closed = await in_a_shell(f"{review} >&-")
    listing = await in_a_shell(f"{' '.join(ONCEOVER)} runs list | true")
    full = await in_a_shell(f"{review} > /dev/full")

    assert first.out.startswith("<!-- onceover:summary")
    assert first.out.count("\n") == 1
    assert first.news.endswith("ends 1\n")
    assert deaf.news == "ends 1\n"
    assert closed.news.endswith("ends 1\n")
    assert listing.news == "ends 0\n"
    assert full.news.endswith("ends 3\n")
    assert "The result cannot be written to standard output: No space left on device." in full.news
    for ended in (first, deaf, closed, listing, full):
        assert "BrokenPipe" not in ended.news
