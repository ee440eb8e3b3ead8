"""An ordinary command in the sandbox: its output, its exit code, its files."""

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pipeline.services.sandbox.contract import NotRun, Ran
from tests.services.sandbox.chamber import Chamber, said


async def test_a_command_gets_a_copy_of_the_checkout_and_its_output_and_exit_code_come_back(chamber: Chamber) -> None:
    (chamber.checkout / "prices.txt").write_text("two\n")

    outcome = await chamber.run("sh", "-c", "cat prices.txt; echo trouble >&2; exit 7")

    assert isinstance(outcome, Ran)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (7, b"two\n", b"trouble\n")


@pytest.mark.parametrize("code", [124, 125])
async def test_an_exit_code_that_has_a_meaning_for_us_is_still_the_commands_own(chamber: Chamber, code: int) -> None:
    outcome = await chamber.run("sh", "-c", f"exit {code}")

    assert isinstance(outcome, Ran)
    assert outcome.exit_code == code


async def test_a_signal_is_told_as_a_shell_tells_it(chamber: Chamber) -> None:
    outcome = await chamber.run("sh", "-c", "kill -SEGV $$")

    assert isinstance(outcome, Ran)
    assert outcome.exit_code == 128 + 11


async def test_a_command_that_is_not_there_ends_as_in_a_shell(chamber: Chamber) -> None:
    outcome = await chamber.run("no-such-program")

    assert isinstance(outcome, Ran)
    assert outcome.exit_code == 127
    assert b"no-such-program" in outcome.stderr


async def test_words_reach_the_command_as_they_are(chamber: Chamber) -> None:
    words = ("$(id)", "a b", "*", ";", "", "-x", "ü", "\udcff", "new\nline")

    outcome = await chamber.run("printf", "%s|", *words)

    assert said_bytes(outcome) == b"|".join(word.encode(errors="surrogateescape") for word in words) + b"|"


async def test_what_the_command_writes_stays_in_its_copy_and_wanted_files_come_back(chamber: Chamber) -> None:
    (chamber.checkout / "kept.txt").write_text("as it was")

    outcome = await chamber.run(
        "sh", "-c", "echo new > kept.txt; mkdir out; echo '<a/>' > out/a.xml; echo no > out.txt; exit 3",
        wanted=["out", "kept.txt", "never-written.xml"],
    )  # fmt: skip

    assert isinstance(outcome, Ran)
    assert outcome.exit_code == 3
    assert outcome.files == {"out/a.xml": b"<a/>\n", "kept.txt": b"new\n"}
    assert (chamber.checkout / "kept.txt").read_text() == "as it was"
    assert sorted(path.name for path in chamber.checkout.iterdir()) == ["kept.txt"]


async def test_odd_names_links_and_modes_arrive_and_what_is_no_file_does_not(
    chamber: Chamber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only files, folders and links as links are copied; a FIFO would make a reader wait for ever."""
    for name in ("-rf", "new\nline", "x" * 250, "ü"):
        (chamber.checkout / name).write_text(name)
    (chamber.checkout / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (chamber.checkout / "run.sh").chmod(0o755)
    (chamber.checkout / "link").symlink_to("/etc/shadow")
    (chamber.checkout / "locked").mkdir(mode=0o500)
    os.mkfifo(chamber.checkout / "fifo")
    monkeypatch.chdir(chamber.checkout)  # The address of a socket is a short one.
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")

        outcome = await chamber.python(
            "import os; print(sorted(map(os.fsencode, os.listdir())), flush=True); os.system('./run.sh')"
        )

    names = sorted([b"-rf", b"new\nline", b"x" * 250, "ü".encode(), b"run.sh", b"link", b"locked"])
    assert said(outcome) == f"{names}\nran\n"


async def test_a_checkout_that_is_larger_than_its_copy_may_be_is_not_run(chamber: Chamber) -> None:
    (chamber.checkout / "large.bin").write_bytes(b"\0" * (9 << 20))

    outcome = await chamber.run("true", work_mb=8)

    assert isinstance(outcome, NotRun)
    assert "more than 8 MiB" in outcome.detail
    assert "--work-mb" in outcome.next_step


async def test_a_checkout_that_is_not_there_is_not_run(chamber: Chamber, tmp_path: Path) -> None:
    chamber.checkout.rmdir()

    outcome = await chamber.run("true")

    assert isinstance(outcome, NotRun)
    assert str(tmp_path) in outcome.detail


async def test_the_checkout_belongs_to_the_command_which_may_remove_it(chamber: Chamber) -> None:
    (chamber.checkout / "read-only").mkdir(mode=0o555)

    assert said(await chamber.run("sh", "-c", "rm -rf read-only && mkdir new && ls")) == "new\n"


async def test_time_and_processes_are_there_for_a_test_suite_that_needs_them(chamber: Chamber) -> None:
    program = "import concurrent.futures as c; print(sum(c.ThreadPoolExecutor(8).map(abs, range(-99, 0))))"

    assert said(await chamber.python(program)) == "4950\n"


async def test_output_can_be_opened_by_its_name(chamber: Chamber) -> None:
    """Scripts write to /dev/stderr; to open a pipe anew takes being its owner."""
    outcome = await chamber.run("sh", "-c", "echo one > /dev/stdout; echo two | tee /dev/stderr > /dev/null")

    assert isinstance(outcome, Ran)
    assert (outcome.stdout, outcome.stderr) == (b"one\n", b"two\n")


@pytest.fixture
def tool() -> Iterator[Path]:
    """A program of the operator's, in a directory open to all below /tmp, over which the sandbox has its own."""
    with TemporaryDirectory() as place:
        tool = Path(place, "bin", "a-tool-of-ours")
        tool.parent.mkdir()
        tool.write_text("#!/bin/sh\necho it works\n")
        for path in (Path(place), tool.parent, tool):
            path.chmod(0o755)
        yield tool


async def test_tools_of_the_operator_are_on_the_path_and_cannot_be_changed(chamber: Chamber, tool: Path) -> None:
    chamber.sandbox = replace(chamber.sandbox, readable=(tool.parents[1],))

    outcome = await chamber.run("sh", "-c", f"a-tool-of-ours; touch {tool} 2>/dev/null || echo and stays")

    assert said(outcome) == "it works\nand stays\n"


async def test_own_loopback_works_by_name_and_address(chamber: Chamber) -> None:
    """Case 68, its other half: a test suite starts servers and talks to them."""
    program = """
import socket
server = socket.create_server(("localhost", 0))
client = socket.create_connection(("127.0.0.1", server.getsockname()[1]))
print("connected")
"""

    assert said(await chamber.python(program)) == "connected\n"


def said_bytes(outcome: object) -> bytes:
    """Read what a command wrote, as it is."""
    assert isinstance(outcome, Ran), outcome
    return outcome.stdout
