"""A finding stands where GitHub takes a comment, or is a stray that says why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.review.diff import LineKind
from pipeline.review.pull.anchors import NO_LINES, NOT_CHANGED, NOT_SHOWN, Anchored, PullFile, Stray, anchor, read_files
from pipeline.review.pull.patch_lines import read_patch
from tests.builders.pulls import PATCH, files_with
from tests.builders.reports import a_finding

any_patch = st.lists(
    st.sampled_from(
        ["@@ -1,3 +1,4 @@", "@@ -9 +9 @@ x", "@@ -5,0 +6,2 @@", "@@@ -1 -1 +1 @@", " a", "+b", "-c", "", "\\ No"]
    )
).map("\n".join)


def test_added_and_unchanged_lines_are_right_and_deleted_ones_left() -> None:
    lines = read_patch(PATCH)

    assert dict(lines.right) == dict.fromkeys(range(40, 47), 0) | {91: 1, 92: 1}
    assert dict(lines.left) == {41: 0, 42: 0, 91: 1}


@pytest.mark.parametrize("patch", [None, "", "Binary files differ", "+a\n-b", "@@ nonsense @@\n+a"])
def test_what_is_no_patch_has_no_lines(patch: str | None) -> None:
    assert read_patch(patch).hunks == ()


def test_a_patch_that_is_cut_off_counts_up_to_its_end() -> None:
    whole = read_patch(PATCH)
    for end in range(len(PATCH)):
        lines = read_patch(PATCH[:end])

        assert dict(lines.right).items() <= dict(whole.right).items()
        assert dict(lines.left).items() <= dict(whole.left).items()


def test_a_hunk_that_counts_wrong_is_not_believed_further() -> None:
    too_long = read_patch("@@ -1,2 +1,2 @@\n a\n-b\n-c\n+d\n@@ -9 +9 @@\n-x\n+y")
    too_short = read_patch("@@ -1,2 +1,2 @@\n a\n@@ -9 +9 @@\n-x\n+y")

    assert (set(too_long.right), set(too_long.left)) == ({1}, {2})
    assert (set(too_short.right), set(too_short.left)) == ({1}, set())


def test_the_end_of_a_patch_is_no_empty_line() -> None:
    assert set(read_patch("@@ -1,2 +1,2 @@\n a\n").right) == {1}
    assert set(read_patch("@@ -1,2 +1,2 @@\n a\n\n").right) == {1, 2}


def test_a_missing_line_end_is_no_line() -> None:
    lines = read_patch(
        "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n@@ -9 +9 @@\n-x\n+y"
    )

    assert set(lines.right) == {1, 9}
    assert set(lines.left) == {1, 9}


def test_only_line_feeds_end_a_line() -> None:
    lines = read_patch("@@ -0,0 +1,2 @@\n+a\rb\x0cc\u2028d\r\n+e")

    assert set(lines.right) == {1, 2}
    assert lines.hunks[0][0].text == "a\rb\x0cc\u2028d\r"


@pytest.mark.parametrize(
    ("line", "line_end", "place"),
    [
        (42, 42, Anchored(path="shop/order.py", line=42)),
        (40, 40, Anchored(path="shop/order.py", line=40)),
        (41, 43, Anchored(path="shop/order.py", line=43, start_line=41)),
        (40, 46, Anchored(path="shop/order.py", line=46, start_line=40)),
        (45, 60, Anchored(path="shop/order.py", line=46, start_line=45, is_exact=False)),
        (46, 92, Anchored(path="shop/order.py", line=46, is_exact=False)),
        (30, 41, Anchored(path="shop/order.py", line=41, start_line=40, is_exact=False)),
        (60, 999_999_999, Anchored(path="shop/order.py", line=92, start_line=91, is_exact=False)),
        (44, 43, Anchored(path="shop/order.py", line=44)),
        (60, 61, Stray(why=NOT_SHOWN)),
        (1, 1, Stray(why=NOT_SHOWN)),
    ],
)
def test_a_finding_stands_on_what_the_diff_shows_of_its_lines(
    line: int, line_end: int, place: Anchored | Stray
) -> None:
    assert anchor(a_finding(line=line, line_end=line_end), files_with()) == place


def test_a_file_that_is_not_changed_or_has_no_lines_has_no_place() -> None:
    """Security case 78."""
    assert anchor(a_finding(path="../etc/passwd"), files_with()) == Stray(why=NOT_CHANGED)
    assert anchor(a_finding(), files_with(patch=None)) == Stray(why=NO_LINES)
    assert anchor(a_finding(), files_with("@@ -1,2 +0,0 @@\n-a\n-b")) == Stray(why=NO_LINES)


def test_a_renamed_file_goes_by_its_new_name() -> None:
    files = files_with(previous_path="shop/orders.py")

    assert isinstance(anchor(a_finding(), files), Anchored)
    assert anchor(a_finding(path="shop/orders.py"), files) == Stray(why=NOT_CHANGED)


def test_a_name_with_hidden_characters_is_anchored_as_github_writes_it() -> None:
    files = files_with(path="a\u202eb.py")

    assert anchor(a_finding(path="a<U+202E>b.py"), files) == Anchored(path="a\u202eb.py", line=42)


def test_of_two_names_that_are_shown_alike_the_first_counts() -> None:
    files = read_files([PullFile(path="a", patch=PATCH), PullFile(path="a", patch=None)])

    assert isinstance(anchor(a_finding(path="a"), files), Anchored)


@given(any_patch, st.integers(1, 12), st.integers(0, 12))
def test_every_anchor_is_one_that_github_takes(patch: str, line: int, more: int) -> None:
    files = files_with(patch)

    place = anchor(a_finding(line=line, line_end=line + more), files)

    if isinstance(place, Stray):
        return
    right = files["shop/order.py"].lines.right
    assert right[place.first] == right[place.line]
    assert place.start_line is None or place.start_line < place.line
    assert line <= place.first <= place.line <= line + more


@given(any_patch)
def test_lines_between_two_of_one_hunk_are_those_of_the_patch(patch: str) -> None:
    lines = read_patch(patch)

    for hunk in lines.hunks:
        numbers = [line.new_number for line in hunk if line.kind is not LineKind.REMOVED]
        if numbers and numbers[0] and numbers[-1] and set(numbers) <= set(lines.right):
            shown = [line.new_number for line in lines.between(numbers[0], numbers[-1]) if line.new_number]
            assert not shown or shown == numbers
