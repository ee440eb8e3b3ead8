"""A problem says where it stands, what was found, what is expected, and what to write instead."""

import pytest

from pipeline.review.configuration.problem import SHOWN_CHARACTERS_MAX, TOP, make_problem, nearest
from pipeline.review.configuration.reading import PROBLEMS_MAX
from tests.review.configuration.builders import read, told

KNOWN = "paused, paused_reason, triggers, filters, stages, review, test, docs, budgets, comment"
SEVERITIES = "`critical`, `high`, `medium`, `low`, `info`"
LABELS = "a list of at most 100 items, each a text of at most 250 characters"


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("reveiw: {}", "1:1 `reveiw` is no setting; did you mean `review`?"),
        ("review:\n  inline-max: 1", "2:3 `review.inline-max` is no setting; did you mean `inline_max`?"),
        ("colour: blue", f"1:1 `colour` is no setting; known here: {KNOWN}."),
        (
            "filters:\n  labels:\n    only: [a]",
            "3:5 `filters.labels.only` is no setting; known here: include, exclude.",
        ),
        ("review: {inline_max: 40}", "1:22 `review.inline_max` is `40`; expected a whole number from 0 to 25."),
        ("review: {inline_max: 1.5}", "1:22 `review.inline_max` is `1.5`; expected a whole number from 0 to 25."),
        (
            "budgets: {run_usd_max: a}",
            "1:24 `budgets.run_usd_max` is the text `a`; expected a number from 0 to 100,000.",
        ),
        (
            "review: {fail_on: hihg}",
            f"1:19 `review.fail_on` is the text `hihg`; expected {SEVERITIES} or `never`. Did you mean `high`?",
        ),
        (
            "review: {severity_min: worst}",
            f"1:24 `review.severity_min` is the text `worst`; expected {SEVERITIES.replace(', `info`', ' or `info`')}.",
        ),
        ("paused: yes", "1:9 `paused` is the text `yes`; expected `true` or `false`. Write `true`, without quotes."),
        ("paused: Off", "1:9 `paused` is the text `Off`; expected `true` or `false`. Write `false`, without quotes."),
        ("paused: 1", "1:9 `paused` is `1`; expected `true` or `false`."),
        ("paused: [true]", "1:1 `paused` is a list of 1 item; expected `true` or `false`."),
        (
            "triggers: {labels: [1.0]}",
            '1:21 `triggers.labels[0]` is `1.0`; expected a text of at most 250 characters. Put it in quotes: `"1.0"`.',
        ),
        (
            "triggers: {labels: 2026}",
            f'1:20 `triggers.labels` is `2026`; expected {LABELS}. Write `["2026"]`.',
        ),
        (
            "triggers: {labels: wip}",
            f'1:20 `triggers.labels` is the text `wip`; expected {LABELS}. Write `["wip"]`.',
        ),
        (
            "triggers: {labels: [a, ]}\nstages: [a]",
            "2:1 `stages` is a list of 1 item; expected a mapping with the keys analyze, test, docs.",
        ),
        (
            "triggers:\n  labels:\n  - a\n  -\n",
            "4:4 `triggers.labels[1]` is empty; expected a text of at most 250 characters.",
        ),
        ("test: {junit: ../x.xml}", "1:15 `test.junit` cannot be used: it leads out of the repository; write it"),
        ("test: {junit: /x.xml}", "1:15 `test.junit` cannot be used: it leads out of the repository; write it"),
        ('test: {junit: "a\\nb"}', "1:15 `test.junit` cannot be used: it is not one line of printable characters."),
        ("paused_reason: |\n  two\n  lines", "1:16 `paused_reason` cannot be used: it is not one line of printable"),
        (
            "filters:\n  ignore:\n  - fine/\n  - '*a*a*a*a*a*b'",
            "4:5 `filters.ignore[1]` cannot be used: Pattern `*a*a*a*a*a*b` has 12 characters and 6 wildcards",
        ),
        ("- a", f"1:1 The file is a list of 1 item; expected a mapping with the keys {KNOWN}."),
        ("just words", f"1:1 The file is the text `just words`; expected a mapping with the keys {KNOWN}."),
    ],
)
def test_a_value_that_cannot_be_used_is_told_with_what_to_write(written: str, problem: str) -> None:
    [found] = told(written)

    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("command", "instead"),
    [
        ("pytest -q", 'There is no shell: write `["pytest", "-q"]`.'),
        ("'make test'", 'There is no shell: write `["make", "test"]`.'),
        ("pytest; id", "There is no shell: put what needs one into a script of the repository and name that."),
        ("echo $(id)", "There is no shell: put what needs one into a script of the repository and name that."),
        ("make && make test", "There is no shell: put what needs one into a script of the repository and name that."),
        ('"say \'never"', "There is no shell: write one word an item."),
        ("pytest " + "x" * 80, "There is no shell: write one word an item."),
    ],
)
def test_a_shell_string_is_refused_with_the_list_that_it_should_be(command: str, instead: str) -> None:
    """Security case 32."""
    [found] = told(f"test:\n  command: {command}\n")

    assert found.startswith("2:12 `test.command` is the text")
    assert found.endswith(instead)


@pytest.mark.parametrize(
    "line",
    [
        "extends: http://example.invalid/onceover.yml",
        "base_url: http://example.invalid/v1",
        "api_key: ${APP_KEY}",
        "review: {base_url: http://example.invalid}",
        "webhook: http://example.invalid",
    ],
)
def test_an_address_a_key_and_an_inherited_file_are_no_settings(line: str) -> None:
    """Security case 28."""
    [found] = told(line)

    assert "is no setting" in found


def test_an_environment_reference_stays_the_text_that_it_is() -> None:
    """Security case 28."""
    found = read("review: {guidelines: '${OPENAI_API_KEY} $HOME'}")

    assert found.configuration.review.guidelines == "${OPENAI_API_KEY} $HOME"


def test_all_problems_are_told_in_the_order_of_the_file() -> None:
    found = told("review:\n  inline_max: 40\n  colour: 1\nstages:\n  test: no\npaused: 3\n")

    assert [line.split(" ")[0] for line in found] == ["2:15", "3:3", "5:9", "6:9"]


def test_hundreds_of_problems_are_told_as_some_and_a_number() -> None:
    found = told("".join(f"key{number}: 1\n" for number in range(900)))

    assert len(found) == PROBLEMS_MAX + 1
    assert found[-1] == f"{PROBLEMS_MAX + 1}:1 From here on 880 more problems."


def test_a_long_value_is_cut_and_its_length_told() -> None:
    [found] = told(f"review: {{language: '{'x' * 500}'}}")

    assert f"`{'x' * (SHOWN_CHARACTERS_MAX - 1)}…` of 500 characters; expected a text of at most 40 characters" in found


def test_no_value_ends_its_quotation_or_hides_anything() -> None:
    [found] = read("'a`\u202e`b': 1").problems

    assert found.message.startswith("`a'<U+202E>'b` is no setting;")
    assert found.path == "a'<U+202E>'b"


def test_a_problem_reads_as_compilers_write_them() -> None:
    problem = make_problem("shop/.github/onceover.yml", TOP, "No.\nNever.", ("a", 0, "b"))

    assert str(problem) == "shop/.github/onceover.yml:1:1: No.<U+000A>Never."
    assert problem.path == "a[0].b"


def test_the_nearest_name_is_found_across_capitals_and_hyphens() -> None:
    assert nearest("INLINE-MAX", ("findings_max", "inline_max")) == "inline_max"
    assert nearest("zebra", ("findings_max", "inline_max")) is None
    assert nearest("x" * 10_000, ("findings_max",)) is None
