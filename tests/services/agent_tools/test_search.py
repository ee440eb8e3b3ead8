"""search: text of the commit, bounded in time and output, and no oracle for secrets."""

import pytest

from tests.builders.repository import submodule, symlink
from tests.services.agent_tools.desk import DeskMaker

KEY = "ghp_" + "A1b2" * 9


async def test_lines_are_told_file_by_file(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a.py": "x\nrate = 1\nrate rate\n", "b/c.md": "The rate.\n"})

    result = await desk.ask("search", pattern="rate")

    assert result.text.splitlines() == [
        "a.py:",
        "2| rate = 1",
        "3| rate rate",
        "b/c.md:",
        "1| The rate.",
        "That is all: 3.",
    ]
    assert [(read.path, read.line, read.line_end) for read in result.read] == [("a.py", 2, 3), ("b/c.md", 1, 1)]


async def test_a_pattern_is_taken_as_it_is_unless_it_is_said_to_be_an_expression(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a": "f(x)\nfx\n"})

    assert "1| f(x)\nThat is all: 1." in await desk.read("search", pattern="f(x)")
    assert "2| fx\nThat is all: 1." in await desk.read("search", pattern="^f(x)$", is_regex=True)


async def test_a_search_can_be_kept_to_files_and_directories(make_desk: DeskMaker) -> None:
    desk = await make_desk({"src/a": "x\n", "tests/b": "x\n", "c": "x\n"})

    text = await desk.read("search", pattern="x", paths=["tests/", "c"])

    assert text.splitlines() == ["c:", "1| x", "tests/b:", "1| x", "That is all: 2."]


async def test_case_44_other_places_are_refused(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a": "x\n"})

    for path in (
        "../x",
        "/etc",
        "--open-files-in-pager=touch x",
        ":(exclude)a",
        "*",
    ):
        await desk.refusal("search", pattern="x", paths=[path])


@pytest.mark.parametrize("pattern", ["-O", "--help", "-f/etc/passwd", "--open-files-in-pager=touch /tmp/x"])
async def test_case_54_a_pattern_is_never_an_option(make_desk: DeskMaker, pattern: str) -> None:
    desk = await make_desk({"a": f"say {pattern}\n"})

    assert f"1| say {pattern}" in await desk.read("search", pattern=pattern)


async def test_case_43_a_pattern_that_would_backtrack_is_over_at_once(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a": "a" * 2_000 + "b\n"})

    assert "No matching line" in await desk.read("search", pattern="(a+)+$", is_regex=True)


async def test_case_43_a_pattern_that_is_dear_or_broken_is_refused(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a": "aa\n"})

    for pattern in (
        r"(a)\1",
        "a{1000}",
        "((a{1,50}){1,50}){1,50}",
        "(a",
        "*{",
        "a{1,999999999999}",
    ):
        await desk.refusal("search", pattern=pattern, is_regex=True)


async def test_case_43_a_search_that_takes_too_long_is_ended_and_said_to_be(make_desk: DeskMaker) -> None:
    desk = (await make_desk({"a": "aa\n"})).limited(git_seconds_max=0.0)

    assert "was not done after 0 s" in await desk.refusal("search", pattern="a")


async def test_a_pattern_is_one_line(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a": "a\nb\n"})

    for pattern in (
        "a\nb",
        "a\0b",
        "a\r",
    ):
        assert "one line" in await desk.refusal("search", pattern=pattern)


async def test_a_long_line_is_shown_around_what_was_looked_for(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a.js": "x" * 400_000 + "needle" + "y" * 400_000 + "\n"})

    text = await desk.read("search", pattern="needle")

    assert "needle" in text
    assert len(text) < 600


async def test_case_38_a_file_of_one_huge_line_does_not_hide_the_next(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a.js": "needle" + "y" * 5_000_000 + "\n", "b.py": "needle = 1\n"})

    text = await desk.read("search", pattern="needle")

    assert "`a.js` is too large to read" in text
    assert "b.py:\n1| needle = 1" in text


async def test_an_expression_that_takes_a_whole_huge_line_is_told_to_be_cut(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a.py": "needle\n", "b.js": "needle" + "y" * 5_000_000 + "\n"})

    text = await desk.read("search", pattern="needle.*", is_regex=True)

    assert text.startswith("a.py:\n1| needle\n")
    assert text.endswith("or more further lines match; name `paths` or a longer pattern to see them.")


async def test_many_matches_are_told_up_to_the_limit(make_desk: DeskMaker) -> None:
    desk = (await make_desk({"a": "x\n" * 30})).limited(matches_max=2)

    text = await desk.read("search", pattern="x")

    assert text.splitlines()[1:] == [
        "1| x",
        "2| x",
        "28 further lines match; name `paths` or a longer pattern to see them.",
    ]


async def test_a_search_tells_lines_without_secrets_and_is_no_way_to_guess_one(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a.py": f"token = '{KEY}'\n"})

    told = await desk.read("search", pattern="token")
    guessed = await desk.read("search", pattern=KEY[:8])
    guessed_by_expression = await desk.read("search", pattern=f"token.*{KEY[:8]}", is_regex=True)
    wrong = await desk.read("search", pattern="ghp_zzzz")

    assert "1| token = '<secret:github-token:medium>'" in told
    assert guessed == guessed_by_expression == wrong == "No matching line to show."


async def test_case_41_binary_files_links_and_submodules_are_not_searched(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a.bin": b"x\0needle", "l": symlink("needle"), "m": submodule("1" * 40), "n": "needle\n"})

    text = await desk.read("search", pattern="needle")

    assert text.endswith("That is all: 1.")
    assert "n:\n1| needle" in text


async def test_case_53_a_match_in_a_file_with_a_hostile_name_is_told(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a\n1\udce9:2:x": "needle\n"})

    text = await desk.read("search", pattern="needle")

    assert text.splitlines()[0] == "a<U+000A>1<U+DCE9>:2:x:"


async def test_case_39_no_attribute_hides_a_file_from_a_search(make_desk: DeskMaker) -> None:
    desk = await make_desk({".gitattributes": "* binary -diff\n", "a": "needle\n"})

    assert "a:\n1| needle" in await desk.read("search", pattern="needle")
