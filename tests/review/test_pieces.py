"""A place of a change is cut where paragraphs begin, and the same way whatever stands around it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.review.diff import Line, LineKind
from pipeline.review.excerpts import HunkExcerpt
from pipeline.review.pieces import LINES_MAX, LINES_MIN, pieces_of

FUNCTION = ["def step(value):", *["    value += 1"] * 30, "    return value", "", ""]

kinds = st.sampled_from(LineKind)
texts = st.sampled_from(["", "x = 1", "    y = 2", "def f():", "}"])


def hunk_of(*lines: tuple[LineKind, str]) -> HunkExcerpt:
    return HunkExcerpt(
        lines=tuple(Line(kind, number, number, text) for number, (kind, text) in enumerate(lines, 1)), heading="top"
    )


def added(*lines: str) -> HunkExcerpt:
    return hunk_of(*((LineKind.ADDED, line) for line in lines))


def texts_of(hunk: HunkExcerpt) -> list[tuple[str, ...]]:
    return [tuple(line.text for line in piece.lines) for piece in pieces_of(hunk)]


@given(st.lists(st.tuples(kinds, texts), min_size=1, max_size=400))
def test_the_pieces_of_a_hunk_are_the_hunk(lines: list[tuple[LineKind, str]]) -> None:
    hunk = hunk_of(*lines)

    pieces = list(pieces_of(hunk))

    assert tuple(line for piece in pieces for line in piece.lines) == hunk.lines
    assert [piece.heading for piece in pieces] == ["top", *[""] * (len(pieces) - 1)]
    for before, after in pairwise(pieces):
        assert len(before.lines) >= LINES_MIN
        assert {before.lines[-1].kind, after.lines[0].kind} != {LineKind.ADDED, LineKind.REMOVED}


def test_a_short_hunk_stays_whole() -> None:
    assert len(list(pieces_of(added(*["x"] * LINES_MAX)))) == 1


def test_a_long_one_is_cut_where_functions_begin() -> None:
    pieces = texts_of(added(*FUNCTION * 6))

    assert all(piece[0] == "def step(value):" for piece in pieces)
    assert all(len(piece) <= LINES_MAX for piece in pieces)


def test_a_line_more_changes_the_piece_that_it_is_in_and_no_other() -> None:
    functions = [[line.replace("step", f"step_{n}") for line in FUNCTION] for n in range(12)]
    before = texts_of(added(*(line for function in functions for line in function)))
    functions[5].insert(10, "    value -= 1")

    after = texts_of(added(*(line for function in functions for line in function)))

    assert len(set(before) - set(after)) == len(set(after) - set(before)) == 1


def test_removed_lines_stay_with_what_stands_in_their_place() -> None:
    block = [(LineKind.REMOVED, "old")] * 80 + [(LineKind.ADDED, "new")] * 80

    pieces = list(pieces_of(hunk_of(*block)))

    seam = next(piece for piece in pieces if any(line.kind is LineKind.ADDED for line in piece.lines))
    assert any(line.kind is LineKind.REMOVED for line in seam.lines)
