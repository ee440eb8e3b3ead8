"""Whoever is called dead is dead; in doubt, nobody is."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engine.owner import Owner

HERE = Owner.of_this_process()


@pytest.fixture
def child() -> Iterator["subprocess.Popen[str]"]:
    """A process that lives until its input ends, and tells who it is."""
    program = (
        "import sys; from pipeline.engine.owner import Owner;"
        "print(Owner.of_this_process(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def introduce(process: "subprocess.Popen[str]") -> Owner:
    assert process.stdout is not None
    owner = Owner.parse(process.stdout.readline().strip())
    assert owner is not None
    return owner


def test_a_process_knows_that_it_lives() -> None:
    assert HERE.pid == os.getpid()
    assert not HERE.is_known_dead(HERE)


def test_a_process_is_alive_until_it_ends_and_dead_from_then_on(child: "subprocess.Popen[str]") -> None:
    owner = introduce(child)
    assert not owner.is_known_dead(HERE)

    child.kill()
    child.wait()

    assert owner.is_known_dead(HERE)


def test_a_zombie_is_dead_although_its_pid_is_taken(child: "subprocess.Popen[str]") -> None:
    owner = introduce(child)

    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert owner.is_known_dead(HERE)


def test_a_pid_that_was_used_again_is_another_process() -> None:
    assert dataclasses.replace(HERE, start="1").is_known_dead(HERE)


@pytest.mark.parametrize(
    "gone", [dataclasses.replace(HERE, start="1", host="there"), dataclasses.replace(HERE, start="1", boot="before")]
)
def test_nobody_judges_over_another_host_or_boot(gone: Owner) -> None:
    assert not gone.is_known_dead(HERE)


def test_a_process_whose_start_was_never_known_is_not_called_dead_while_its_pid_lives() -> None:
    assert not dataclasses.replace(HERE, start="?").is_known_dead(HERE)


def test_a_pid_that_no_system_has_is_dead_and_harmless() -> None:
    assert dataclasses.replace(HERE, pid=10**30).is_known_dead(HERE)


owners = st.builds(Owner, host=st.text(), boot=st.text(), pid=st.integers(0, 2**22), start=st.text(), role=st.text())


@given(owners)
def test_an_owner_is_read_as_it_was_written(owner: Owner) -> None:
    read = Owner.parse(str(owner))

    assert read is not None
    assert str(read) == str(owner)
    assert read.pid == owner.pid


@pytest.mark.parametrize(
    "text", ["", "a", "a|b|c|d|e", "a|b|-1|d|e", "a|b|1|d", "a|b|1|d|e|f", "a|b|1.5|d|e", "a|b||d|e"]
)
def test_what_is_no_owner_is_not_read_as_one(text: str) -> None:
    assert Owner.parse(text) is None


def test_two_workers_in_one_process_are_two_owners_and_both_alive() -> None:
    one, other = Owner.of_this_process("reviewer"), Owner.of_this_process("publisher")

    assert str(one) != str(other)
    assert one.label == f"{one.host}:{one.pid}/reviewer"
    assert not one.is_known_dead(other)
