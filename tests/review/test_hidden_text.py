"""Security case 36: what a reader cannot see in an added line is told, and honest text is let be."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.review.findings import Finding, Severity
from pipeline.review.hidden_text import EXCERPT_CHARACTERS_MAX, FILES_MAX, LINES_NAMED_MAX, hidden_text
from tests.builders.diffs import diff_of
from tests.builders.repository import Content


async def found(path: Path, after: Mapping[str, Content], before: Mapping[str, Content] | None = None) -> list[Finding]:
    diff = await diff_of(path, before or {"README": "x\n"}, after)
    return list(hidden_text(diff.files))


@pytest.mark.parametrize(
    ("line", "severity", "title"),
    [
        ("access = 'user\u202e \u2066// only admin\u2069 \u2066'", Severity.HIGH, "direction"),
        ("# harmless \U000e0061\U000e0070\U000e0070\U000e0072", Severity.HIGH, "Tag characters"),
        ("x = 'a\U000e0100\U000e0123\U000e0145'", Severity.HIGH, "Variation selectors"),
        ("run('ls\ufe01')", Severity.HIGH, "Variation selectors"),
        ("const \u3164 = secret", Severity.HIGH, "without a glyph"),
        ("if user == 'ad\u200bmin':", Severity.MEDIUM, "without width"),
        ("name\u200d = 1", Severity.MEDIUM, "without width"),
        ("word = 'a\ufeffb'", Severity.MEDIUM, "without width"),
    ],
)
async def test_hidden_text_in_an_added_line_is_told_with_the_line_made_visible(
    tmp_path: Path, line: str, severity: Severity, title: str
) -> None:
    (told,) = await found(tmp_path, {"a.py": f"first = 1\n{line}\n"})

    assert (told.path, told.line, told.severity, told.category) == ("a.py", 2, severity, "security")
    assert title in told.title
    assert "<U+" in told.claim
    assert told.source == "onceover:hidden-text"


@pytest.mark.parametrize(
    "line",
    [
        "plain = 'naïve café, 日本語, עברית, العربية'",
        "farsi = '\u0645\u06cc\u200c\u062e\u0648\u0627'",
        "hindi = 'क्\u200dष'",
        "family = '👨\u200d👩\u200d👧'",
        "heart = '❤\ufe0f 1\ufe0f\u20e3'",
        "scotland = '🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f'",
        "korean = '\u1112\u1161\u11ab'",
        "mail = 'soft\u00adhyphen'",
    ],
)
async def test_honest_text_raises_no_alarm(tmp_path: Path, line: str) -> None:
    assert await found(tmp_path, {"a.py": f"{line}\n"}) == []


async def test_a_byte_order_mark_is_right_at_the_beginning_of_a_file_only(tmp_path: Path) -> None:
    told = await found(tmp_path, {"good.cs": "\ufeffclass A;\n", "bad.cs": "class A;\n\ufeffclass B;\n"})

    assert [(one.path, one.line) for one in told] == [("bad.cs", 2)]


async def test_what_was_there_before_is_not_held_against_the_change(tmp_path: Path) -> None:
    old = {"a.py": "x = 'a\u200bb'\ny = 1\n"}

    assert await found(tmp_path, {"a.py": "x = 'a\u200bb'\ny = 2\n"}, old) == []
    assert await found(tmp_path / "gone", {"a.py": "y = 1\n"}, old) == []


async def test_many_lines_of_a_file_are_one_remark_that_names_some(tmp_path: Path) -> None:
    (told,) = await found(tmp_path, {"a.py": "x = 'a\u200bb'\n" * 9})

    assert told.line == 1
    assert "Also on 8 further lines: 2, 3, 4, 5, 6, and more." in told.claim
    assert told.claim.count(",") >= LINES_NAMED_MAX


async def test_files_are_told_up_to_a_number(tmp_path: Path) -> None:
    told = await found(tmp_path, {f"{number:03}.py": "x = 'a\u200bb'\n" for number in range(FILES_MAX + 10)})

    assert len(told) == FILES_MAX


async def test_two_ways_to_hide_are_two_remarks_and_binary_files_are_none(tmp_path: Path) -> None:
    told = await found(tmp_path, {"a.py": "x = '\u202e'\ny = 'a\u200bb'\n", "b.bin": b"\0\xe2\x80\x8b"})

    assert [(one.path, one.line) for one in told] == [("a.py", 1), ("a.py", 2)]


async def test_case_79_a_secret_on_the_seam_of_what_is_quoted_is_not_shown_in_part(tmp_path: Path) -> None:
    token = "gh" + "p_" + "aB3dE6gH9jK2" * 3

    (told,) = await found(tmp_path, {"a.py": f"'\u202e{'x' * (EXCERPT_CHARACTERS_MAX - 20)} {token}'\n"})

    assert token[:6] not in told.claim


async def test_the_same_remark_is_known_again_when_the_line_moves(tmp_path: Path) -> None:
    (here,) = await found(tmp_path / "one", {"a.py": "x = 'a\u200bb'\n"})
    (there,) = await found(tmp_path / "two", {"a.py": "y = 1\nx = 'a\u200bb'\n"})

    assert here.line != there.line
    assert here.fingerprint == there.fingerprint
