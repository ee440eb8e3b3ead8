"""Patterns mean what they mean in .gitignore, and never keep the matcher busy."""

import pytest

from pipeline.review.patterns import PATTERNS_MAX, BadPattern, is_pattern, read_patterns


@pytest.mark.parametrize("path", ["caf\udce9", "a\nb", "\x1b[2J", "-rf", ":(top)x", "l" * 250])
def test_any_name_can_be_meant(path: str) -> None:
    assert read_patterns(["*"]).meaning(path) == "*"
    assert read_patterns(["other"]).meaning(path) is None


def test_the_last_pattern_that_fits_decides() -> None:
    patterns = read_patterns(["*.md", "!keep.md", "docs/keep.md"])

    assert [patterns.meaning(path) for path in ("a.md", "keep.md", "docs/keep.md")] == ["*.md", None, "docs/keep.md"]


@pytest.mark.parametrize("line", ["!", "\\", "[z-a]", "*a*a*a*b", "*/*/*/*/*", "**/a/**/b/**", "x" * 201])
def test_what_is_malformed_or_could_take_minutes_is_refused(line: str) -> None:
    """Security case 31: with six wildcards, one name of 250 letters takes a matcher more than a minute."""
    assert not is_pattern(line)
    with pytest.raises(BadPattern, match=r"[Pp]attern"):
        read_patterns(["fine", line])


def test_a_refusal_shows_no_control_characters() -> None:
    with pytest.raises(BadPattern) as refused:
        read_patterns(["\x1b[2J" + "*a" * 9])

    assert "\x1b" not in str(refused.value)


def test_there_may_be_so_many_patterns_and_no_more() -> None:
    read_patterns(["a"] * PATTERNS_MAX)

    with pytest.raises(BadPattern, match="201 patterns; the limit is 200"):
        read_patterns(["a"] * (PATTERNS_MAX + 1))


def test_a_very_long_path_is_meant_by_no_pattern() -> None:
    assert read_patterns(["*"]).meaning("a/" * 600) is None
