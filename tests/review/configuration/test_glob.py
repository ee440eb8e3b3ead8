"""Globs mean what they say, and never keep the matcher busy (security case 31)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.review.configuration.glob import GLOB_CHARACTERS_MAX, TEXT_CHARACTERS_MAX, first_match, is_match


@pytest.mark.parametrize(
    ("glob", "means", "not_these"),
    [
        ("main", ["main"], ["mai", "mainx", "Main", ""]),
        ("release/*", ["release/1.0", "release/"], ["release/1/2", "release"]),
        ("release/**", ["release/1/2", "release/"], ["release", "x/release/1"]),
        ("*", ["", "a"], ["a/b"]),
        ("***", ["", "a/b"], []),
        ("v?.*", ["v1.2", "v1."], ["v12.0", "v/.1", "v."]),
        ("*[bot]", ["dependabot[bot]"], ["b", "bot"]),
        ("a.c", ["a.c"], ["abc"]),
        ("*a*a", ["aa", "bacada"], ["a", "ab"]),
        ("", [""], ["a"]),
    ],
)
def test_a_glob_means_these_and_not_those(glob: str, means: list[str], not_these: list[str]) -> None:
    assert [text for text in means if not is_match(glob, text)] == []
    assert [text for text in not_these if is_match(glob, text)] == []


@given(glob=st.text(alphabet="ab/*?", max_size=8), text=st.text(alphabet="ab/*?", max_size=10))
def test_a_glob_means_what_the_obvious_regular_expression_does(glob: str, text: str) -> None:
    """The oracle may try things twice: these texts are short."""
    words = {"*": "[^/]*", "?": "[^/]"}
    parts = (".*" if len(part) > 1 else words.get(part, re.escape(part)) for part in re.findall(r"\*{2,}|.", glob))

    assert is_match(glob, text) == bool(re.fullmatch("".join(parts), text))


@pytest.mark.parametrize("glob", ["*a" * 125, "*?" * 125, "**a" * 83, "?" * 250, "*" * 250])
def test_a_hostile_glob_and_a_hostile_text_are_answered_at_once(glob: str) -> None:
    """A regular expression of the first one would be busy for longer than there are computers."""
    assert len(glob) <= GLOB_CHARACTERS_MAX

    assert not is_match(glob + "b", "a" * TEXT_CHARACTERS_MAX)


def test_a_very_long_text_is_meant_by_no_glob() -> None:
    assert not is_match("**", "a" * (TEXT_CHARACTERS_MAX + 1))


def test_the_first_glob_that_means_the_text_is_told_and_capitals_count_unless_folded() -> None:
    globs = ["wip*", "Skip", "**"]

    assert first_match(globs, "WIP: later", fold=True) == "wip*"
    assert first_match(globs, "skip", fold=True) == "Skip"
    assert first_match(globs, "skip") == "**"
    assert first_match([], "skip") is None
