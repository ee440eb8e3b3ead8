"""A change is cut into groups that belong together and fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.review.diff import Line, LineKind
from pipeline.review.excerpts import FileExcerpt, HunkExcerpt, anchors_of
from pipeline.review.grouping import group_files


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


def test_files_that_import_each_other_are_read_together() -> None:
    files = [file(f"{name}/{name}.py", 30) for name in ("api", "cart", "price", "web")]

    apart = group_files(files, tokens_max=400).groups
    together = group_files(files, links={"web/web.py": ["api/api.py"]}, tokens_max=400).groups

    assert [[part.path for part in group] for group in apart] == [
        ["api/api.py", "cart/cart.py"],
        ["price/price.py", "web/web.py"],
    ]
    assert [[part.path for part in group] for group in together] == [
        ["api/api.py", "web/web.py"],
        ["cart/cart.py", "price/price.py"],
    ]


def test_what_everybody_imports_does_not_make_one_group_of_all() -> None:
    files = [file("util.py", 10), *(file(f"d{n}/a.py", 30) for n in range(9))]

    groups = group_files(files, links={f"d{n}/a.py": ["util.py"] for n in range(9)}, tokens_max=400).groups

    assert all(sum(part.tokens for part in group) <= 400 for group in groups)
    assert sum(map(len, groups)) == 10


def test_what_matters_least_is_left_out_first() -> None:
    files = [file("README.md", 50), file("a/data.csv", 50), file("tests/test_x.py", 50), file("z/code.py", 50)]

    grouping = group_files(files, tokens_max=400, groups_max=2)

    assert [[part.path for part in group] for group in grouping.groups] == [["z/code.py"], ["tests/test_x.py"]]
    assert grouping.left_out == ("a/data.csv", "README.md")


def test_small_files_fill_the_room_that_large_ones_leave() -> None:
    files = [file(f"{name}.py", lines) for name, lines in (("a", 40), ("b", 60), ("c", 20))]

    assert paths(*files, tokens_max=400) == [["a.py", "c.py"], ["b.py"]]
