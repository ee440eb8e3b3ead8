"""What the rules found stale is put before a model in a short question, and its verdict has little power."""

import pytest

from pipeline.review.findings import Severity
from pipeline.review.reports import DocsFinding
from pipeline.review.stale_check import CANDIDATES_MAX, Answer, Answers, Verdict, judged, question

LINE = "Give up after `--retry-max` tries."
DOCUMENTS = {"README.md": ["# Shop", "", LINE, "", "More."]}


def remark(line: int = 3) -> DocsFinding:
    """Make a remark by rule."""
    return DocsFinding(
        path="README.md",
        line=line,
        line_end=line,
        severity=Severity.MEDIUM,
        category="docs",
        title=f"Documentation still describes `--retry-max` as it was, line {line}",
        claim="The flag `--retry-max` was removed.",
        source="docs",
        confidence=0.9,
        suggestion="the rule's own",
        sentence=LINE,
    )


def judge(*answers: Answer, remarks: int = 1) -> tuple[DocsFinding, ...]:
    return judged([remark()] * remarks, DOCUMENTS, Answers(answers=list(answers))).stale


def asked(*remarks: DocsFinding, documents: dict[str, list[str]] | None = None) -> str:
    return question(remarks, DOCUMENTS if documents is None else documents, "r_1")[1]["content"]


def test_a_doubt_takes_weight_away() -> None:
    (stale,) = judge(Answer(id=1, verdict=Verdict.UNSURE))

    assert (stale.severity, stale.confidence, stale.checked) == (Severity.LOW, 0.4, "unsure")


@pytest.mark.parametrize("number", [0, 2, -1, 10**9])
def test_a_verdict_on_something_else_changes_nothing(number: int) -> None:
    assert judge(Answer(id=number, verdict=Verdict.RIGHT)) == (remark(),)


def test_the_first_verdict_counts() -> None:
    answers = Answer(id=1, verdict=Verdict.STALE), Answer(id=1, verdict=Verdict.RIGHT)

    assert [stale.checked for stale in judge(*answers)] == ["stale"]


def test_what_was_not_asked_about_cannot_be_judged() -> None:
    everything = [Answer(id=number, verdict=Verdict.RIGHT) for number in range(1, CANDIDATES_MAX + 3)]

    assert len(judge(*everything, remarks=CANDIDATES_MAX + 2)) == 2


@pytest.mark.parametrize(
    ("corrected", "offered"),
    [
        ("Give up after `--tries-max` tries.", "Give up after `--tries-max` tries."),
        ("two\nlines", "the rule's own"),
        ("x" * 301, "the rule's own"),
        ("hidden \u202e", "the rule's own"),
        ("key ghp_" + "A1b2" * 9, "the rule's own"),
        ("  ", "the rule's own"),
        (LINE, "the rule's own"),
        (None, "the rule's own"),
    ],
)
def test_only_a_plain_other_line_is_offered(corrected: str | None, offered: str) -> None:
    (stale,) = judge(Answer(id=1, verdict=Verdict.STALE, corrected=corrected))

    assert (stale.suggestion, stale.confidence) == (offered, 0.95)


def test_a_question_shows_the_line_and_two_around_it() -> None:
    shown = asked(remark())

    assert '"  # Shop"' in shown
    assert f'"> {LINE}"' in shown
    assert '"  More."' in shown


def test_a_document_that_cannot_be_read_is_told_by_its_sentence() -> None:
    assert f'"> {LINE}"' in asked(remark(), documents={})
    assert f'"> {LINE}"' in asked(remark(line=99))


def test_a_question_is_short_whatever_the_documents() -> None:
    shown = asked(*[remark()] * 50, documents={"README.md": ["x" * 9_000] * 9})

    assert len(shown) < 12_000
    assert shown.count('"id"') == CANDIDATES_MAX


def test_an_ordinary_question_takes_some_300_tokens() -> None:
    messages = question([remark()], DOCUMENTS, "r_1")

    assert sum(len(message["content"]) for message in messages) / 4 < 350


def test_secrets_and_hidden_characters_do_not_reach_the_model() -> None:
    shown = asked(remark(), documents={"README.md": ["", "key ghp_" + "A1b2" * 9, "a\u202eb", "", ""]})

    assert "ghp_" not in shown
    assert "a<U+202E>b" in shown
