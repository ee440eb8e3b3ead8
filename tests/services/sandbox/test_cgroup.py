"""What is written to a cgroup; by plain files for version 2, which a kernel has to lend, and for real where it does."""

import os
from pathlib import Path

import pytest

from pipeline.services.sandbox.cgroup import NAME, make_cgroup
from pipeline.services.sandbox.limits import MEBIBYTE, Limits

LIMITS = Limits(memory_mb=100, pids=10, tmp_mb=20, work_mb=30)
GONE = 2**22 + 1
"""No process has this number: it is above the kernel's largest."""


@pytest.fixture
def delegated(tmp_path: Path) -> Path:
    """A directory that looks like a delegated cgroup of version 2."""
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory pids\n")
    return tmp_path


def test_a_group_of_version_2_limits_memory_with_all_files_and_processes_with_the_sandboxs_own(
    delegated: Path,
) -> None:
    made = make_cgroup(str(delegated), LIMITS, keeper_pid=os.getpid())

    folder = delegated / f"{NAME}{os.getpid()}"
    written = {path.name: path.read_text() for path in folder.iterdir()}
    assert made
    assert made.folders == (folder,)
    assert written == {
        "memory.max": str((100 + 20 + 30 + 16) * MEBIBYTE),
        "pids.max": "14",
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "cpu.max": "200000 100000",
    }


def test_what_the_kernel_killed_for_memory_is_counted(delegated: Path) -> None:
    made = make_cgroup(str(delegated), LIMITS, keeper_pid=os.getpid())
    assert made

    made.events.write_text("low 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n")

    assert made.memory_kills() == 2


def test_empty_groups_of_keepers_that_are_gone_are_removed_and_no_others(delegated: Path) -> None:
    for name in (f"{NAME}{GONE}", f"{NAME}1", f"{NAME}x", "others"):
        (delegated / name).mkdir()
    (delegated / f"{NAME}{GONE + 1}").mkdir()
    (delegated / f"{NAME}{GONE + 1}" / "in-use").touch()

    make_cgroup(str(delegated), LIMITS, keeper_pid=os.getpid())

    left = {path.name for path in delegated.iterdir() if path.is_dir()}
    assert left == {f"{NAME}{os.getpid()}", f"{NAME}1", f"{NAME}x", "others", f"{NAME}{GONE + 1}"}


def test_a_group_without_the_controllers_is_none_to_us(tmp_path: Path) -> None:
    """Then the machine's own of version 1 is taken, or none."""
    (tmp_path / "cgroup.subtree_control").write_text("\n")

    made = make_cgroup(str(tmp_path), LIMITS, keeper_pid=os.getpid())

    assert [path.name for path in tmp_path.iterdir()] == ["cgroup.subtree_control"]
    if made:
        made.remove()
        assert not any(folder.exists() for folder in made.folders)
