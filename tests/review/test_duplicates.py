"""What several readers say of one matter is told once."""

import pytest

from pipeline.review.duplicates import merged
from pipeline.review.findings import Finding, Severity
from tests.review.test_findings import finding


def ruff(**given: object) -> Finding:
    """Make what ruff says of the same line."""
    said = {"source": "ruff:F821", "title": "Undefined name `lenght`", "claim": "Undefined name `lenght`"}
    return finding(severity=Severity.MEDIUM, confidence=1.0, **(said | given))


def test_a_model_explains_what_an_analyser_found() -> None:
    model = finding(confidence=0.6, suggestion="    return 1", claim="`lenght` is a slip of the pen for `len(cart)`.")

    [one] = merged([ruff(), model])

    assert (one.source, one.title, one.fingerprint) == ("ruff:F821", ruff().title, ruff().fingerprint)
    assert (one.severity, one.confidence) == (Severity.HIGH, 1.0)
    assert (one.claim, one.suggestion) == (model.claim, model.suggestion)


def test_it_does_not_matter_who_comes_first() -> None:
    assert merged([ruff(), finding()]) == merged([finding(), ruff()])


@pytest.mark.parametrize(
    "other",
    [
        finding(claim="`total` may be None here."),
        finding(line=3, line_end=4),
        finding(path="other.py"),
        ruff(source="typos:spelling", title="`lenght` should be `length`"),
    ],
    ids=["another name", "another line", "another file", "another rule"],
)
def test_what_may_be_another_matter_stays(other: Finding) -> None:
    assert len(merged([ruff(), other])) == 2


def test_two_remarks_of_a_model_are_one_if_they_say_the_same() -> None:
    same = finding(title="Divides by unknown name", line=1, severity=Severity.LOW)
    another = finding(title="Leaks the file handle", claim="Never closed.")

    told = merged([finding(), same, another])

    assert [one.title for one in told] == ["Divides by an unknown name", "Leaks the file handle"]


def test_two_analysers_with_one_rule_say_it_once() -> None:
    shell = {"title": "Shell injection", "claim": "shell=True", "category": "security"}

    assert len(merged([ruff(**shell, source="ruff:S602"), ruff(**shell, source="bandit:B602")])) == 1


def test_what_is_joined_already_is_left_as_it_is() -> None:
    once = merged([ruff(), finding(), finding(path="other.py")])

    assert merged(once) == once
