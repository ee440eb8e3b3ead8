"""Directories that only we can enter."""

import os
import stat
from pathlib import Path

import pytest

from bot.private_directory import (
    SHORT_ROOT,
    SOCKET_PATH_BYTES_MAX,
    DirectoryUnusable,
    check_is_no_repositorys,
    make_private,
    place_socket,
)

NOBODY = 65534


def make_foreign(tmp_path: Path) -> Path:
    """Make a directory that is not ours; only root can give one away, everybody else is a stranger to root's."""
    if os.geteuid() != 0:
        return Path("/usr")
    os.chown(tmp_path, NOBODY, NOBODY)
    return tmp_path


def make_unwritable(tmp_path: Path) -> Path:
    """Make a directory that cannot be written; root writes everywhere but in the kernel's own trees."""
    if os.geteuid() == 0:
        return Path("/proc")
    tmp_path.chmod(0o500)
    return tmp_path


def test_a_new_directory_is_for_us_alone(tmp_path: Path) -> None:
    made = make_private(tmp_path / "state" / "redis")

    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_a_directory_of_ours_that_others_could_enter_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    made = make_private(tmp_path)

    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DirectoryUnusable, match=r"belongs to user \d+, and this process is user \d+.*ONCEOVER_STATE_DIR"
    ):
        make_private(make_foreign(tmp_path))


def test_an_unwritable_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DirectoryUnusable, match=r"cannot be made \(.+\).*ONCEOVER_STATE_DIR"):
        make_private(make_unwritable(tmp_path) / "state")


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("I was here first.")

    with pytest.raises(DirectoryUnusable, match="cannot be made"):
        make_private(tmp_path / "state")


@pytest.mark.parametrize("is_linked_tree", [False, True])
def test_a_state_directory_in_a_work_tree_is_refused_wherever_a_link_to_it_stands(
    tmp_path: Path, *, is_linked_tree: bool
) -> None:
    (clone := tmp_path / "clone").mkdir()
    (clone / ".git").write_text("gitdir: /elsewhere") if is_linked_tree else (clone / ".git").mkdir()
    (tmp_path / "link").symlink_to(clone / "deep")

    for state in (clone, clone / "deep" / "state", tmp_path / "link" / "state", tmp_path / "x" / ".." / "clone"):
        with pytest.raises(DirectoryUnusable, match=r"lies in the git work tree .*/clone.*ONCEOVER_STATE_DIR"):
            check_is_no_repositorys(state, home=tmp_path)


@pytest.mark.parametrize("path", ["/proc/self/cwd/.o", "//proc/self/cwd", "/usr/../proc/self/cwd", "/proc/self/root/x"])
def test_a_state_directory_named_by_way_of_proc_is_refused(path: str) -> None:
    with pytest.raises(DirectoryUnusable, match="by way of /proc"):
        check_is_no_repositorys(Path(path), home=None)


def test_a_home_under_git_may_hold_the_state_directory_but_a_clone_in_it_may_not(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "src" / ".git").mkdir(parents=True)

    check_is_no_repositorys(tmp_path / ".local" / "state", home=tmp_path)

    with pytest.raises(DirectoryUnusable, match="/src,"):
        check_is_no_repositorys(tmp_path / "src" / "state", home=tmp_path)
    with pytest.raises(DirectoryUnusable, match="work tree"):
        check_is_no_repositorys(tmp_path / "state", home=None)


def test_a_socket_lies_in_its_directory() -> None:
    assert place_socket(Path("/var/lib/onceover/redis"), "redis.sock") == Path("/var/lib/onceover/redis/redis.sock")


@pytest.mark.parametrize("name", ["x" * 120, "not \udcff Unicode"])
def test_a_socket_of_an_awkward_directory_lies_in_a_short_private_one(name: str) -> None:
    placed = place_socket(Path("/nowhere") / name, "redis.sock")

    try:
        assert placed == place_socket(Path("/nowhere") / name, "redis.sock"), "Every process finds the same."
        assert len(os.fsencode(placed)) <= SOCKET_PATH_BYTES_MAX
        assert stat.S_IMODE(placed.parent.stat().st_mode) == 0o700
        assert placed.parent.parent == SHORT_ROOT
    finally:
        placed.parent.rmdir()


def test_a_link_laid_where_the_short_directory_goes_is_not_followed(tmp_path: Path) -> None:
    long = Path("/nowhere") / tmp_path.name / ("x" * 120)
    short = place_socket(long, "redis.sock").parent
    short.rmdir()
    short.symlink_to(tmp_path)

    try:
        with pytest.raises(DirectoryUnusable, match="is a link"):
            place_socket(long, "redis.sock")
    finally:
        short.unlink()
