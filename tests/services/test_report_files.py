"""Report files are regular, new and inside the tree; everything else is left out and said so."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.services.report_files import BYTES_MAX, FILES_MAX, collect, look


def write(path: Path, text: str = "<testsuite/>") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def read_paths(tree: Path, asked_for: str | None = None) -> list[str]:
    return [file.path for file in collect(tree, asked_for, before={}) if not file.left_out]


@pytest.mark.parametrize(
    "path",
    [
        "junit.xml",
        "report.xml",
        "test-results/a.xml",
        "reports/unit/a.xml",
        "build/test-results/test/TEST-a.xml",
        "target/surefire-reports/TEST-a.xml",
    ],
)
def test_the_usual_places_are_read(tmp_path: Path, path: str) -> None:
    write(tmp_path / path)

    assert read_paths(tmp_path) == [path]


@pytest.mark.parametrize("path", ["other.xml", "reports/a.html", "reports/1/2/3/4/a.xml", "target/a.xml"])
def test_other_files_are_not(tmp_path: Path, path: str) -> None:
    write(tmp_path / path)

    assert read_paths(tmp_path) == []


def test_a_report_that_is_part_of_the_commit_tells_nothing_about_this_trial(tmp_path: Path) -> None:
    write(tmp_path / "junit.xml")
    write(tmp_path / "report.xml")
    before = look(tmp_path, None)

    write(tmp_path / "report.xml", "<testsuite><testcase/></testsuite>")

    assert [file.path for file in collect(tmp_path, None, before)] == ["report.xml"]


def test_only_the_place_that_was_asked_for_is_read(tmp_path: Path) -> None:
    write(tmp_path / "junit.xml")
    write(tmp_path / "out" / "results.xml")

    assert read_paths(tmp_path, "out") == ["out/results.xml"]
    assert read_paths(tmp_path, "out/results.xml") == ["out/results.xml"]
    assert read_paths(tmp_path, "nowhere") == []


@pytest.mark.parametrize("path", ["../secret.xml", "/etc/hostname", "a/../../secret.xml", "", "a\0b"])
def test_a_path_outside_the_tree_is_refused(tmp_path: Path, path: str) -> None:
    write(tmp_path / "secret.xml")
    (tmp_path / "tree" / "a").mkdir(parents=True)

    (refused,) = collect(tmp_path / "tree", path, before={})

    assert refused.left_out == "it is not a path inside the tree"
    assert not refused.content


@pytest.mark.parametrize(
    "plant",
    [
        lambda tree, secret: (tree / "junit.xml").symlink_to(secret),
        lambda tree, secret: (tree / "reports").symlink_to(secret.parent),
        lambda tree, secret: (tree / "build").symlink_to(secret.parent.parent),
        lambda tree, secret: os.mkfifo(tree / "junit.xml"),  # noqa: ARG005 - all plants look alike.
        lambda tree, secret: (tree / "junit.xml").mkdir(),  # noqa: ARG005
    ],
    ids=["link to a file", "link to a folder", "link on the way", "FIFO", "folder"],
)
def test_links_and_pipes_are_not_opened(tmp_path: Path, plant: Callable[[Path, Path], object]) -> None:
    """Security case 66: links and FIFOs left for the collector."""
    secret = write(tmp_path / "outside" / "test-results" / "secret.xml")
    (tmp_path / "tree").mkdir()

    plant(tmp_path / "tree", secret)

    assert read_paths(tmp_path / "tree") == []


def test_too_many_files_are_cut_and_said_so(tmp_path: Path) -> None:
    for number in range(FILES_MAX + 2):
        write(tmp_path / "reports" / f"{number:04}.xml")

    files = collect(tmp_path, None, before={})

    assert len(files) == FILES_MAX + 1
    assert (files[-1].path, files[-1].left_out) == ("2 further files", "more than 300")


def test_too_many_bytes_are_not_read(tmp_path: Path) -> None:
    write(tmp_path / "junit.xml")
    with (tmp_path / "report.xml").open("wb") as file:
        file.truncate(BYTES_MAX)

    read, left_out = collect(tmp_path, None, before={})

    assert (read.path, read.content) == ("junit.xml", b"<testsuite/>")
    assert (left_out.path, left_out.left_out) == ("report.xml", "the reports are more than 32,000,000 bytes together")
