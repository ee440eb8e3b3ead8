"""A diff is read as git means it, whatever names and contents a stranger chose."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.review.diff import Diff, DiffUnreadable, FileDiff, FileStatus, LineKind, parse_diff
from pipeline.services.git import GitSettings
from pipeline.services.git_diff import DiffLimits
from tests.builders.diffs import diff_of
from tests.builders.repository import Content, executable, submodule, symlink

BODY = "".join(f"line {n}\n" for n in range(20))


def by_path(diff: Diff) -> dict[str, FileDiff]:
    return {file.path: file for file in diff.files}


def counted(file: FileDiff, kind: LineKind) -> int:
    return sum(line.kind is kind for hunk in file.hunks for line in hunk.lines)


def applied(file: FileDiff, old: str) -> str:
    """Apply the hunks to the old text, checking each line that they claim to know of it."""
    lines = old.split("\n")
    rows = [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    new: list[str] = []
    at = 0
    for hunk in file.hunks:
        start = hunk.old_start - 1 if hunk.old_count else hunk.old_start
        new += rows[at:start]
        at = start
        for line in hunk.lines:
            text = line.text + ("\n" if line.has_line_end else "")
            if line.old_number is not None:
                assert (at + 1, rows[at]) == (line.old_number, text)
                at += 1
            if line.new_number is not None:
                new.append(text)
                assert len(new) == line.new_number
    return "".join(new + rows[at:])


async def test_lines_have_the_numbers_of_the_heads_version(tmp_path: Path) -> None:
    diff = await diff_of(tmp_path, {"a.py": BODY}, {"a.py": BODY.replace("line 9\n", "nine\nand a half\n")})

    (file,) = diff.files
    assert (file.status, file.added, file.removed) == (FileStatus.MODIFIED, 2, 1)
    assert file.changed_lines == {10, 11}
    assert file.new_lines[11].text == "and a half"
    assert [n for n in range(1, 22) if file.can_anchor(n)] == list(range(7, 15))
    assert (diff.added, diff.removed) == (2, 1)


async def test_every_kind_of_change_has_its_status(tmp_path: Path) -> None:
    before: dict[str, Content] = {"gone": "0\n", "moved": BODY, "same": BODY + "x", "kind": "1\n"}
    before |= {"mode": "1\n", "link": symlink("a")}
    after: dict[str, Content] = {"gone": None, "moved": None, "new place": BODY + "more\n", "same": None}
    after |= {"same2": BODY + "x", "kind": symlink("gone"), "empty": "", "new": "1\n"}
    after |= {"mode": executable("1\n"), "link": symlink("b")}

    files = by_path(await diff_of(tmp_path, before, after))

    told = {path: (file.status.value, file.old_path, file.added, file.removed) for path, file in files.items()}
    assert told == {
        "gone": ("deleted", None, 0, 1),
        "new place": ("renamed", "moved", 1, 0),
        "same2": ("renamed", "same", 0, 0),
        "mode": ("mode", None, 0, 0),
        "kind": ("type", None, 1, 1),
        "link": ("modified", None, 1, 1),
        "empty": ("added", None, 0, 0),
        "new": ("added", None, 1, 0),
    }
    assert files["kind"].is_symlink
    assert files["link"].is_symlink
    assert [(h.old_count, h.new_count) for h in files["kind"].hunks] == [(1, 0), (0, 1)]
    assert files["mode"].hunks == files["same2"].hunks == ()


async def test_a_submodule_is_a_pointer_and_has_no_size(tmp_path: Path) -> None:
    diff = await diff_of(tmp_path, {"sub": submodule("1" * 40)}, {"sub": submodule("2" * 40)})

    (file,) = diff.files
    assert (file.is_submodule, file.new_bytes, file.added, file.removed) == (True, None, 1, 1)


async def test_binary_files_are_told_from_text_by_their_content(tmp_path: Path) -> None:
    before: dict[str, Content] = {
        "image": b"\0\1",
        "utf16": "hello\n".encode("utf-16"),
        "text": "Binary files a and b differ\n",
    }
    after: dict[str, Content] = {
        "image": b"\0\2",
        "utf16": "world\n".encode("utf-16"),
        "text": "\nBinary files /dev/null and b differ\n",
    }

    files = by_path(await diff_of(tmp_path, before, after))

    assert {path: file.is_binary for path, file in files.items()} == {"image": True, "utf16": True, "text": False}
    assert (files["image"].added, files["image"].hunks, files["image"].new_bytes) == (0, (), 2)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("a\r\nb\r\n", "a\r\nc\r\n", id="CRLF"),
        pytest.param("a\r\nb\r\n", "a\nb\n", id="CRLF to LF"),
        pytest.param("a\rb\rc", "a\rx\rc", id="CR only"),
        pytest.param("a\nb", "a\nb\n", id="a last line end added"),
        pytest.param("a\nb\n", "a\nb", id="a last line end removed"),
        pytest.param("a", "b", id="neither has a last line end"),
        pytest.param("", "a", id="from empty"),
        pytest.param("a\n", "", id="to empty"),
        pytest.param("-- x\n++ y\n", "-- y\n++ x\n-- a/b\n", id="lines that look like headers"),
        pytest.param("a\n", "diff --git a/x b/x\n@@ -1 +1 @@\n+++ b/y\n\\ No newline at end of file\n", id="a diff"),
        pytest.param("one\u2028two\x0b\x0c\x1c\x85\n", "one\u2028three\x0b\x0c\x1c\x85\n", id="other line ends"),
        pytest.param("caf\udce9\n", "caf\udce9\udcff\n", id="no UTF-8"),
        pytest.param("\n" * 9, "\n" * 4 + "x\n" + "\n" * 5, id="empty lines"),
        pytest.param("a" * 10 + "\n", "a" * 5_000_000 + "\n", id="5 MB in one line"),
    ],
)
async def test_hostile_content_keeps_its_lines(tmp_path: Path, old: str, new: str) -> None:
    """Security cases 40 and 41."""
    limits = GitSettings(diff=DiffLimits(patch_file_bytes_max=10_000_000))

    files = by_path(await diff_of(tmp_path, {"a": old, "z": "1\n"}, {"a": new, "z": "2\n"}, limits))

    assert applied(files["a"], old) == new
    assert (counted(files["a"], LineKind.ADDED), counted(files["a"], LineKind.REMOVED)) == (
        files["a"].added,
        files["a"].removed,
    )
    assert files["z"].changed_lines == {1}


NAMES = [
    "caf\udce9",
    "caf\u00e9",
    'quo"te',
    "back\\slash",
    "new\nline",
    "\ndiff --git a/x b/x\n",
    "tab\t",
    "esc\x1b[2J",
    "\u202egnp",
    "-rf",
    ":100644 100644 x",
    " b",
    "a b/a b",
    "l" * 250,
    "/".join("d" * 50),
]


async def test_hostile_names_stay_apart_and_whole(tmp_path: Path) -> None:
    """Security case 53."""
    before = {name: BODY + name.replace("\n", " ") for name in NAMES[::2]}
    after = {name: "new\n" + content for name, content in before.items()} | dict.fromkeys(NAMES[1::2], "x\n")

    diff = await diff_of(tmp_path, before, after)

    assert {file.path: file.changed_lines for file in diff.files} == {name: frozenset({1}) for name in NAMES}
    for file in diff.files:
        assert file.shown_path.isprintable()
        assert file.report().path.encode()


async def test_renames_of_hostile_names_keep_both(tmp_path: Path) -> None:
    diff = await diff_of(
        tmp_path, {"old\n => new": BODY, "z": "1\n"}, {"old\n => new": None, "a\t\udcff": BODY + "x\n", "z": "2\n"}
    )

    first, last = diff.files
    assert (first.old_path, first.path, first.added) == ("old\n => new", "a\t\udcff", 1)
    assert first.report().old_path == "old<U+000A> => new"
    assert (last.path, last.added) == ("z", 1)


async def test_nothing_changed_is_an_empty_diff(tmp_path: Path) -> None:
    diff = await diff_of(tmp_path, {"a": "1\n"}, {"a": "1\n"})

    assert (diff.files, diff.added, diff.removed) == ((), 0, 0)


async def test_five_thousand_files_and_two_hundred_thousand_lines_are_read(tmp_path: Path) -> None:
    """Security case 38."""
    before = {f"src/{n}.py": f"x = {n}\n" for n in range(5_000)} | {"big": "old\n" * 100_000}
    after = {f"src/{n}.py": f"y = {n}\n" for n in range(5_000)} | {"big": "new\n" * 100_000}

    diff = await diff_of(tmp_path, before, after)

    assert (len(diff.files), diff.added, diff.removed) == (5_001, 105_000, 105_000)
    assert len(by_path(diff)["big"].changed_lines) == 100_000


async def test_files_beyond_the_limit_of_the_patch_are_known_but_have_no_lines(tmp_path: Path) -> None:
    limits = GitSettings(diff=DiffLimits(patch_bytes_max=4_000))

    diff = await diff_of(tmp_path, {"z": "1\n"}, {f"{n:02}": "x\n" * 100 for n in range(30)}, limits)

    read = [file for file in diff.files if file.patch is not None]
    assert (len(diff.files), diff.added) == (30, 3_000)
    assert 0 < len(read) < 20
    assert all(len(file.changed_lines) == 100 for file in read)
    assert diff.files[-1].changed_lines == frozenset()


async def test_a_file_too_large_to_compare_has_its_size(tmp_path: Path) -> None:
    limits = GitSettings(diff=DiffLimits(patch_file_bytes_max=1_000))

    diff = await diff_of(tmp_path, {"a": "1\n" * 600, "b": "1\n"}, {"a": "1\n", "b": "2\n"}, limits)

    assert [(file.is_binary, file.old_bytes, file.new_bytes) for file in diff.files] == [(True, 1200, 2), (False, 2, 2)]


OLD, NEW = b"1" * 40, b"2" * 40
RAW = b":100644 100644 " + OLD + b" " + NEW + b" M\0a\0"
HUNK = b"--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\n+y\n"
PATCH = b"diff --git a/a b/a\nindex " + OLD + b".." + NEW + b" 100644\n" + HUNK


def read(raw: bytes = RAW, patch: bytes = PATCH, numstat: bytes = b"1\t1\ta\0") -> Diff:
    return parse_diff(raw=raw, numstat=numstat, patch=patch, patch_is_whole=True, sizes={})


@pytest.mark.parametrize(
    ("raw", "patch"),
    [
        pytest.param(RAW, b"", id="a file is missing from the patch"),
        pytest.param(b"", PATCH, id="a file is missing from the list"),
        pytest.param(RAW.replace(OLD, b"3" * 40), PATCH, id="other blobs"),
        pytest.param(b":100644 rubbish\0a\0", PATCH, id="a list that is none"),
    ],
)
def test_a_patch_and_a_list_that_do_not_fit_are_refused(raw: bytes, patch: bytes) -> None:
    with pytest.raises(DiffUnreadable):
        read(raw, patch)


@pytest.mark.parametrize("hunk", [b"@@ -1,9 +1 @@\n-x\n+y\n", b"@@ -1 +1 @@\n?\n", b"@@ -x +1 @@\n", b"@@ -1 +1 @@\n"])
def test_a_hunk_that_is_not_understood_is_refused(hunk: bytes) -> None:
    (file,) = read(patch=PATCH[: PATCH.index(b"@@")] + hunk).files

    with pytest.raises(DiffUnreadable, match="not understood"):
        _ = file.hunks


def test_without_counts_the_lines_are_counted() -> None:
    assert (read(numstat=b"").added, read(numstat=b"").removed) == (1, 1)


pieces = st.sampled_from(
    ["a\n", "b\n", "\n", "-- c\n", "++ d\n", "\\ No newline\n", "@@ -1 +1 @@\n", "\r\n", "\r", "\u2028", "e"]
)
texts = st.lists(pieces, max_size=14).map("".join)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example([("a\nb", "a\n\nb\n")])
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=12))
def test_the_hunks_applied_to_the_old_text_give_the_new(pairs: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        before = {f"{n:02}": old for n, (old, _) in enumerate(pairs)}
        after = {f"{n:02}": new for n, (_, new) in enumerate(pairs)}

        diff = asyncio.run(diff_of(Path(folder), before, after))

    assert [file.path for file in diff.files] == [path for path in before if before[path] != after[path]]
    for file in diff.files:
        assert applied(file, before[file.path]) == after[file.path]
        assert (counted(file, LineKind.ADDED), counted(file, LineKind.REMOVED)) == (file.added, file.removed)
