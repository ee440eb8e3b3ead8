"""What to look at twice is told from names and sizes."""

import pytest

from pipeline.review.risks import LINES_LARGE, risks_of
from tests.builders.reports import a_docs_report, a_file, stale_docs


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (".github/workflows/ci.yml", "CI changes: `.github/workflows/ci.yml`."),
        (".github/onceover.yml", "What this bot goes by changes: `.github/onceover.yml`."),
        ("web/AGENTS.md", "What this bot goes by changes: `web/AGENTS.md`."),
        ("shop/migrations/0002_tax.py", "The database changes: `shop/migrations/0002_tax.py`."),
        ("shop/auth/login.ts", "Access control may change: `shop/auth/login.ts`."),
        ("web/package-lock.json", "Dependencies change: `web/package-lock.json`."),
        ("api/openapi.yaml", "A public interface may change: `api/openapi.yaml`."),
    ],
)
def test_a_place_that_deserves_a_second_look_is_named(path: str, told: str) -> None:
    risks = risks_of([a_file(path), a_file("tests/test_all.py")], None)

    assert [risk[: len(told)] for risk in risks] == [told]


@pytest.mark.parametrize("path", ["shop/author.py", "docs/secretary.md", "shop/order.py", "x.rst"])
def test_an_ordinary_file_is_no_risk(path: str) -> None:
    assert risks_of([a_file(path), a_file("tests/test_all.py")], None) == ()


def test_code_without_a_test_is_told() -> None:
    assert risks_of([a_file("shop/order.py")], None) == ("Code changes, but no test does.",)
    assert risks_of([a_file("README.md")], None) == ()


def test_a_large_change_is_told_with_its_size() -> None:
    risks = risks_of([a_file("README.md", added=LINES_LARGE, removed=1)], None)

    assert risks == ("The change is large (401 lines); reviewers miss more in one of this size.",)


def test_documents_left_behind_are_told() -> None:
    assert risks_of([a_file("README.md")], a_docs_report(stale_docs())) == (
        "Names that documentation mentions change: `docs/pricing.md`.",
    )


def test_many_places_are_counted_after_the_third() -> None:
    risks = risks_of([a_file(f"db/{number}.sql") for number in range(5)], None)

    assert "`db/0.sql`, `db/1.sql`, `db/2.sql` and 2 more." in risks[0]
