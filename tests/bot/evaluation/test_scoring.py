"""Scoring pairs findings with what was expected, each once."""

import pytest

from bot.evaluation.scoring import Score, Spot, Wanted, score, total


def at(line: int, path: str = "a.py", line_end: int | None = None) -> Spot:
    return Spot(path=path, line=line, line_end=line_end or line)


def wanted(line: int, path: str = "a.py", kind: str = "bug") -> Wanted:
    return Wanted(spot=at(line, path), kind=kind)


LENGTHS = {"a.py": 100, "b.py": 100}


@pytest.mark.parametrize(
    ("finding", "found"),
    [
        (at(10), 1),
        (at(13), 1),
        (at(7), 1),
        (at(14), 0),
        (at(1, line_end=7), 1),
        (at(1, line_end=6), 0),
        (at(10, "b.py"), 0),
    ],
)
def test_a_finding_may_be_three_lines_off_and_in_no_other_file(finding: Spot, found: int) -> None:
    scored = score([wanted(10)], [finding], LENGTHS)

    assert (scored.found, scored.missed, scored.noise) == (found, 1 - found, 1 - found)


def test_one_finding_finds_one_defect_and_the_nearer_one() -> None:
    scored = score([wanted(10), wanted(12)], [at(12)], LENGTHS)

    assert (scored.found, scored.missed) == (1, 1)
    assert scored.noise == 0


def test_a_second_finding_on_a_defect_is_a_repetition_and_one_elsewhere_is_noise() -> None:
    scored = score([wanted(10)], [at(10), at(11), at(50)], LENGTHS)

    assert (scored.found, scored.repeated, scored.noise) == (1, 1, 1)
    assert scored.precision == 0.5


def test_whatever_is_said_about_a_clean_change_is_noise() -> None:
    silent, loud = score([], [], LENGTHS), score([], [at(5)], LENGTHS)

    both = total([silent, loud])

    assert (both.clean_cases, both.clean_silent, both.noise) == (2, 1, 1)
    assert both.silence == 0.5
    assert both.recall is None


def test_a_finding_on_a_line_that_is_not_there_has_no_valid_anchor() -> None:
    scored = score([], [at(100), at(101), at(1, "gone.py"), at(9, line_end=8)], LENGTHS)

    assert (scored.anchors, scored.anchors_valid) == (4, 1)


def test_totals_count_each_defect_and_each_finding_the_same() -> None:
    many = score([wanted(10), wanted(30), wanted(60, kind="security")], [at(10), at(30)], LENGTHS)
    few = score([wanted(10)], [at(50), at(70)], LENGTHS)

    both = total([many, few])

    assert both.cases == 2
    assert (both.recall, both.precision) == (2 / 4, 2 / 4)
    assert both.f1 == 2 * 2 / (2 * 2 + 2 + 2)
    assert both.found_by_kind == {"bug": 2}
    assert both.wanted_by_kind == {"bug": 3, "security": 1}


def test_nothing_at_all_has_no_score() -> None:
    nothing = total([])

    assert (nothing.cases, nothing.recall, nothing.precision, nothing.f1) == (0, None, None, None)
    assert Score().silence is None
