"""The review on a screen: the same content as the comment, and nothing of a stranger's that acts."""

import io

import pytest
from hypothesis import example, given
from inline_snapshot import snapshot
from rich.console import Console

from bot.terminal import WIDTH_MAX, print_review, report
from pipeline.review.rendering import render
from pipeline.review.reports import Summary
from tests.review.examples import FACTS, examples
from tests.review.hostile_text import HOSTILE, any_text
from tests.review.test_rendering import a_summary_full_of, facts_full_of


def on_screen(summary: Summary, width: int = 80) -> str:
    console = Console(record=True, width=width, file=io.StringIO(), highlight=False)
    console.print(report(summary, FACTS))
    return "\n".join(line.rstrip() for line in console.export_text().splitlines())


def printed(console: Console, summary: Summary) -> str:
    assert isinstance(console.file, io.StringIO)
    print_review(console, summary, FACTS, render(summary, FACTS))
    return console.file.getvalue()


def test_a_good_day_on_a_screen() -> None:
    assert on_screen(examples()["good-day"]) == snapshot("""\

✔ No remarks
  2 changed files, read by ruff 0.17.6. The tests pass.
  Take discounts off before the total
  feature/discount at 3c1f0a9be27d against main, run r_7f3a

  2 files in shop and tests: 34 lines added, 2 removed.

Tests
  pytest -q ended with exit code 0.

How this review went
  analyze done in 4.2 s
  test done in 3.2 s
  docs done in 0.3 s
  No model was used.

Next: Nothing to do. onceover review looks at the next commit.\
""")


def test_findings_on_a_screen() -> None:
    assert on_screen(examples()["findings"]) == snapshot("""\

✘ Changes needed
  2 of 14 tests fail. Findings to fix: 1 critical, 1 high.
  Take discounts off before the total
  feature/discount at 3c1f0a9be27d against main, run r_7f3a

  Discounts are now taken off each line before the total is made. A new module,
  shop/export.py, packs a customer's orders into a zip file.

Look twice
  • Dependencies change: uv.lock. Check where new ones come from.
  • Names that documentation mentions change: docs/pricing.md.
  • Code changes, but no test does.
  • The change is large (501 lines); reviewers miss more in one of this size.

Findings
   critical  subprocess call with shell=True and a name from the request
    shop/export.py:27
    customer comes from the query string. A name such as x; rm -rf / runs as a
    command.
    Replace with:
    │     subprocess.run(["zip", archive, customer], check=True)
    security, found by bandit:B602, id 9cf2ccb34b0f83eb

   high  The total ignores the discount
    shop/order.py:42-44
    total() adds the prices before apply_discount has run, so the customer pays
    in full.

    The test test_total_with_discount fails for this reason.
    Replace with:
    │     discounted = [apply_discount(line) for line in self.lines]
    │     return sum(line.price for line in discounted)
    bug, found by model, 90% sure, id abf33fae4c70d65a

   medium  An empty order raises IndexError
    shop/order.py:57
    self.lines[0] is read without a check. A cart may be empty.
    bug, found by model, 70% sure, id 50b2a80b8ffa2517

   low  Mentions apply_discount, which changes here
    docs/pricing.md:8
    The document describes apply_discount and was not touched.
    docs, found by docs, id b16eeb8e307b008d

   info  os imported but unused
    shop/export.py:3
    Remove it.
    style, found by ruff:F401, id 98caf6211bdbedcf

Tests
  pytest -q ended with exit code 1 after 3.2 s; 2 of 14 tests failed.
  ✘ test_total_with_discount tests/test_order.py:12: assert 100 == 90
  ✘ test_empty_order: IndexError: list index out of range
  │ FAILED tests/test_order.py::test_total_with_discount
  │ 2 failed, 12 passed in 3.21s

Documentation that bears on this
  docs/pricing.md:8-10 Discounts
    A discount is taken off every line before the total is made.
  README.md:31 Discounts
    A discount is taken off every line before the total is made.

Left out on purpose
  • uv.lock: a lock file, written by a program

How this review went
  analyze done in 14 s
  test done in 4.1 s
  docs done in 0.3 s
  2 model calls, 6,960 tokens (6,120 read, 840 written).

Next: Fix what is listed above, commit, and run onceover review again.\
""")


def test_a_review_with_gaps_on_a_screen() -> None:
    assert on_screen(examples()["degraded"]) == snapshot("""\

◐ Partly reviewed
  This review has gaps: docs, model, tests. 1 remark, below high.
  Take discounts off before the total
  feature/discount at 3c1f0a9be27d against main, run r_7f3a

  1 file in shop: 10 lines added, 2 removed.

Look twice
  • Code changes, but no test does.

Findings
   medium  An empty order raises IndexError
    shop/order.py:42
    A cart may be empty.
    bug, found by ruff:B018, id 6f8ccf0fca534aac

Tests
  pytest -q was stopped at its limit of 900 s. Raise the limit, or run fewer
  tests.
  │ tests/test_order.py ....
  │ tests/test_export.py .

Not reviewed
  • docs: it failed three times: no space left on the device
  • model: gpt-test gave no answer in 300 s, three times
  • tests: they ran out of time

How this review went
  analyze done in 15 min 21 s, try 3: 1 finding
  test done in 15 min 0 s: timed out
  docs failed: no space left on the device
  No model was used.

Next: See above what could not be done and why. Then run onceover review again.\
""")


@pytest.mark.parametrize(
    "console",
    [
        Console(file=io.StringIO(), force_terminal=False),
        Console(file=io.StringIO(), force_terminal=True, no_color=True),
    ],
    ids=["piped", "NO_COLOR"],
)
def test_without_a_colour_terminal_the_markdown_comes_as_it_is(console: Console) -> None:
    summary = examples()["findings"]

    assert printed(console, summary) == render(summary, FACTS)


def test_a_terminal_gets_colours_and_lines_that_can_be_read() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=300, color_system="standard")

    shown = printed(console, examples()["findings"])

    assert "\x1b[" in shown
    assert "<!--" not in shown
    assert max(len(line) for line in on_screen(examples()["findings"], WIDTH_MAX).splitlines()) <= WIDTH_MAX


@pytest.mark.parametrize("name", sorted(examples()))
def test_the_screen_says_what_the_comment_says(name: str) -> None:
    summary = examples()[name]

    words = " ".join(on_screen(summary, 200).replace("│", "").split())

    for finding in summary.findings:
        assert finding.fingerprint in words
    for skipped in summary.not_reviewed:
        assert skipped.why.replace("`", "") in words
    for fact in summary.stages:
        assert f"{fact.name} {fact.state}" in words


@given(any_text)
@example("".join(HOSTILE))
def test_no_control_character_of_a_stranger_reaches_the_terminal(text: str) -> None:
    file = io.StringIO()

    Console(file=file, width=60).print(report(a_summary_full_of([text]), facts_full_of([text])))

    assert not [character for character in file.getvalue() if ord(character) < 32 and character != "\n"]
    assert not {"\x7f", "\x9b", "\u202e", "\u2066", "\u200b"} & set(file.getvalue())
