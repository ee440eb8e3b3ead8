"""What the demo tells is true: a promise holds by what was counted, and a page is what a reader sees."""

from dataclasses import replace

import pytest

from bot.demo.promises import Shown, promises
from bot.demo.reader_view import as_read, folded
from bot.demo.simulated_github.leftovers import Left

GOOD = Shown(
    first_answer="accepted",
    entries=80,
    second_answer="duplicate",
    left=Left(comments=1, reviews=1, check_runs=1),
    conclusion="failure",
    answered_before=1,
    asked_again=0,
    refusals=1,
    comments_asked=1,
    calls=32,
    writes=9,
    took_back=True,
)


def test_all_promises_hold_on_a_run_as_it_should_be() -> None:
    assert [one.says for one in promises(GOOD) if not one.holds] == []


@pytest.mark.parametrize(
    ("shown", "broken"),
    [
        (replace(GOOD, first_answer="ignored"), "accepted and became a run"),
        (replace(GOOD, entries=0), "accepted and became a run"),
        (replace(GOOD, second_answer="accepted"), "changed nothing"),
        (replace(GOOD, took_back=False), "taken back"),
        (replace(GOOD, asked_again=1), "asked again after it: 1"),
        (replace(GOOD, answered_before=0), "before the kill: 0"),
        (replace(GOOD, refusals=0), "answered with 502"),
        (replace(GOOD, comments_asked=2), "answered with 502"),
        (replace(GOOD, left=Left(comments=2, reviews=1, check_runs=1)), "comments 2"),
        (replace(GOOD, left=Left(comments=1, reviews=2, check_runs=1)), "reviews 2"),
        (replace(GOOD, left=Left(comments=1, reviews=1, check_runs=1, pending_reviews=1)), "on the pull request"),
        (replace(GOOD, left=Left(comments=1, reviews=1, check_runs=2)), "check runs 2"),
        (replace(GOOD, left=Left(comments=1, reviews=1, check_runs=1, open_check_runs=1)), "concluded"),
        (replace(GOOD, conclusion="success"), "concluded: success"),
    ],
)
def test_what_did_not_hold_is_named(shown: Shown, broken: str) -> None:
    [one] = [promise for promise in promises(shown) if not promise.holds]

    assert broken in one.says


def test_what_github_shows_closed_is_shown_by_its_summary() -> None:
    page = "  Before\n  <details><summary>How <b>it</b> went</summary>\n\n  rows\n\n  </details>\n  After\n"

    assert as_read(page) == "  Before\n  ▸ How it went\n  After\n"


def test_small_letters_are_letters() -> None:
    assert as_read("  <sub>Commit `3c1f0a9` · Run `r_1`.</sub>\n") == "  Commit `3c1f0a9` · Run `r_1`.\n"


def test_a_closed_block_hides_the_blocks_in_it() -> None:
    page = (
        "<details>\n<summary>Outer</summary>\n<details>\n<summary>Inner</summary>\n</details>\nrest\n</details>\nend\n"
    )

    assert as_read(page) == "▸ Outer\nend\n"


def test_the_first_remark_stands_whole_and_the_others_by_their_titles() -> None:
    page = (
        "bot reviewed abc (commented):\n  Two remarks.\n"
        "  bot on a.py:1\n    **One**\n\n    Why.\n"
        "  bot on b.py:2-3\n    **Two**\n\n    Why not.\n\n"
        "bot commented:\n  The summary.\n\n  More.\n"
    )

    assert as_read(page) == (
        "bot reviewed abc (commented):\n  Two remarks.\n"
        "  bot on a.py:1\n    **One**\n\n    Why.\n"
        "  bot on b.py:2-3\n    **Two**\n\n"
        "bot commented:\n  The summary.\n\n  More.\n"
    )


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("", [""]),
        ("short", ["short"]),
        ("  one two three", ["  one two", "  three"]),
        ("  - one two three", ["  - one", "    two", "    three"]),
        ("averyverylongword", ["averyverylongword"]),
    ],
)
def test_long_lines_are_folded_at_words_and_keep_their_margin(line: str, lines: list[str]) -> None:
    assert list(folded(f"{line}\n", columns=9)) == lines
