"""Cases are whole, and become the same commits everywhere."""

from pathlib import Path

import pytest

from bot.evaluation.cases import BASE, BRANCH, Case, CaseInvalid, build, cases_in, own_cases
from pipeline.services.git import open_git

CASE = """
title = "Count down"
language = "python"
about = "One too few."

[base]
"a.py" = "x = 3"

[head]
"a.py" = "x = 2"

[[expected]]
path = "a.py"
quote = "x = 2"
kind = "bug"
severity = "high"
what = "It was three."
"""


def test_half_of_our_set_is_clean_and_it_speaks_many_languages() -> None:
    cases = own_cases()

    assert len(cases) >= 30
    assert 0.4 <= sum(case.is_clean for case in cases) / len(cases) <= 0.6
    assert len({case.language for case in cases}) >= 8
    assert {"bug", "security", "concurrency", "error-handling", "docs"} <= {
        one.kind for case in cases for one in case.expected
    }


@pytest.mark.parametrize("case", own_cases(), ids=lambda case: case.name)
def test_each_case_changes_something_and_expects_remarks_where_lines_are(case: Case) -> None:
    changed = {path for path, text in case.head.items() if case.base.get(path) != text}

    assert changed == set(case.head), "a file stands in the head that is no change"
    for one in case.expected:
        assert one.kind == "docs" or one.path in changed
        assert case.line_of(one) >= 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (CASE.replace('quote = "x = 2"', 'quote = "x = 9"'), "0 times"),
        (CASE.replace('"a.py" = "x = 2"', '"a.py" = "x = 2\\nx = 2"'), "2 times"),
        (CASE.replace('"high"', '"dreadful"'), "expected.0.severity"),
        (CASE.replace('language = "python"', 'tongue = "python"'), "language"),
        (CASE + "\n[[", "cannot be read as TOML"),
        ('removed = ["b.py"]\n' + CASE, "not in the base"),
    ],
)
def test_what_is_no_case_is_refused_with_file_and_reason(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "mine.toml").write_text(text)

    with pytest.raises(CaseInvalid) as refused:
        cases_in(tmp_path)

    assert "mine.toml" in str(refused.value)
    assert why in str(refused.value)


def test_a_directory_without_cases_is_told_with_the_page_that_helps(tmp_path: Path) -> None:
    with pytest.raises(CaseInvalid, match=r"no file ends with \.toml") as refused:
        cases_in(tmp_path)

    assert "docs/evaluation.md" in (refused.value.next_step or "")


async def test_a_case_has_the_same_commits_wherever_it_is_built_and_is_built_once(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(CASE)
    (case,) = cases_in(tmp_path)

    here, there = build(case, tmp_path / "here"), build(case, tmp_path / "there")
    (here.repository / "seen").touch()
    again = build(case, tmp_path / "here")

    heads = [await (await open_git(one.repository)).resolve(BRANCH) for one in (here, there)]
    assert heads[0] == heads[1]
    assert await (await open_git(here.repository)).resolve(BASE) != heads[0]
    assert (again.repository / "seen").exists()


def test_another_content_has_another_place(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(CASE)
    (case,) = cases_in(tmp_path)

    other = case.model_copy(update={"title": "Count down by one"})

    assert build(case, tmp_path).repository != build(other, tmp_path).repository


def test_a_removed_file_is_gone_in_the_head(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('removed = ["old.py"]\n' + CASE.replace('"x = 3"', '"x = 3"\n"old.py" = "y"'))
    (case,) = cases_in(tmp_path)

    change = build(case, tmp_path / "made")

    assert not (change.repository / "old.py").exists()
    assert "old.py" not in case.head_files
