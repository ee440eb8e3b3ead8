"""A change is cut into groups that belong together and fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.review.diff import Line, LineKind
from pipeline.review.excerpts import FileExcerpt, HunkExcerpt, anchors_of, group_files


def added(number: int, text: str = "x") -> Line:
    return Line(LineKind.ADDED, None, number, text)


def file(path: str, *hunk_lines: int, width: int = 10) -> FileExcerpt:
    """Make a file whose hunks have so many lines."""
    hunks = tuple(
        HunkExcerpt(lines=tuple(added(1000 * place + n, "x" * width) for n in range(1, count + 1)))
        for place, count in enumerate(hunk_lines)
    )
    return FileExcerpt(path=path, status="modified", hunks=hunks)


def paths(*files: FileExcerpt, tokens_max: int = 100_000) -> list[list[str]]:
    return [[part.path for part in group] for group in group_files(files, tokens_max=tokens_max).groups]


@pytest.mark.parametrize(
    ("given_paths", "order"),
    [
        (["tests/test_shop.py", "a/zoo.py", "b/shop.py"], ["a/zoo.py", "b/shop.py", "tests/test_shop.py"]),
        (["web/Cart.test.ts", "web/Cart.ts", "web/App.ts"], ["web/App.ts", "web/Cart.ts", "web/Cart.test.ts"]),
        (["pkg/cart_test.go", "pkg/cart.go", "pkg/zeta.go"], ["pkg/cart.go", "pkg/cart_test.go", "pkg/zeta.go"]),
        (["src/CartTest.java", "src/Cart.java"], ["src/Cart.java", "src/CartTest.java"]),
        (["tests/test_alone.py", "z.py"], ["tests/test_alone.py", "z.py"]),
        ([".github/x.yml", "Makefile", "test.py"], [".github/x.yml", "Makefile", "test.py"]),
    ],
)
def test_a_test_stands_after_what_it_tests(given_paths: list[str], order: list[str]) -> None:
    assert paths(*(file(path, 1) for path in given_paths)) == [order]


def test_a_small_change_is_one_group_and_a_large_one_several() -> None:
    files = [file(f"f{n}.py", 30) for n in range(3)]

    assert paths(*files) == [["f0.py", "f1.py", "f2.py"]]
    assert paths(*files, tokens_max=400) == [["f0.py", "f1.py"], ["f2.py"]]


def test_a_file_without_lines_is_in_no_group() -> None:
    assert paths(file("mode_only.sh"), file("a.py", 1)) == [["a.py"]]


def test_what_no_group_has_room_for_is_named() -> None:
    grouping = group_files([file(f"f{n}.py", 40, 40) for n in range(3)], tokens_max=400, groups_max=3)

    assert len(grouping.groups) == 3
    assert grouping.left_out == ("f1.py", "f2.py")


def test_the_order_of_the_files_does_not_matter() -> None:
    files = [file(name, 5) for name in ("b/x.py", "a/x.py", "test_x.py", "c.py")]

    assert group_files(files) == group_files(files[::-1])


@given(st.lists(st.lists(st.integers(1, 60), max_size=4), max_size=6), st.integers(60, 400))
def test_every_line_is_in_exactly_one_group_and_each_group_fits(shapes: list[list[int]], tokens_max: int) -> None:
    files = [file(f"f{place}.py", *shape) for place, shape in enumerate(shapes)]

    groups = group_files(files, tokens_max=tokens_max, groups_max=10_000).groups

    def lines(parts: list[FileExcerpt]) -> list[tuple[str, int | None]]:
        return [(part.path, line.new_number) for part in parts for hunk in part.hunks for line in hunk.lines]

    assert sorted(lines([part for group in groups for part in group])) == sorted(lines(files))
    assert all(sum(part.tokens for part in group) <= tokens_max for group in groups)


def test_a_remark_may_stand_on_every_line_of_the_heads_side_that_is_shown() -> None:
    lines = (Line(LineKind.CONTEXT, 1, 1, "a"), Line(LineKind.REMOVED, 2, None, "b"), added(2), added(3))
    excerpt = FileExcerpt(path="a.py", status="modified", hunks=(HunkExcerpt(lines=lines),))

    assert anchors_of([excerpt, file("b.py", 2)]) == {"a.py": {1, 2, 3}, "b.py": {1, 2}}
