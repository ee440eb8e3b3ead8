"""The page says everything, is short on a good day, and nothing in it acts but what is ours."""

import itertools
from collections.abc import Iterable
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.review.findings import Finding, Severity
from pipeline.review.fitting import COMMENT_CHARACTERS_MAX, length
from pipeline.review.left_out import left_out
from pipeline.review.rendering import Facts, marker, render
from pipeline.review.reports import (
    CheckFact,
    DocsReport,
    FailedTest,
    MissingStage,
    Passage,
    Skipped,
    StageFact,
    Summary,
    TestOutcome,
    TestReport,
    TiedLine,
    Verdict,
)
from tests.builders.reports import a_docs_report, a_finding, a_passage, a_summary, an_analysis, failing_tests
from tests.review.examples import DIRECTORY, FACTS, examples
from tests.review.hostile_text import HOSTILE, any_text
from tests.review.markdown_reader import text_of, tokens_of, what_acts
from tests.review.pull import examples as on_a_pull_request

any_texts = st.lists(any_text, min_size=1, max_size=4)


def a_summary_full_of(texts: list[str], severities: Iterable[Severity] = Severity) -> Summary:
    """Put the texts into every field that takes one, in turn."""
    storable = [text.encode("utf-8", "replace").decode() for text in texts]  # Checkpoints hold no lone surrogate.
    given_texts = itertools.cycle(storable)

    def text(characters_max: int = 2_000) -> str:
        return next(given_texts)[:characters_max]

    findings = [
        Finding(
            path=text() or "a",
            line=7,
            line_end=9,
            severity=severity,
            category=text(),
            title=text(200),
            claim=text(),
            source=text(),
            confidence=0.5,
            suggestion=text(),
        )
        for severity in severities
    ]
    failed = FailedTest(name=text(), message=text(), path=text() or "a", line=3)
    passage = Passage(path=text(), line=1, line_end=2, heading=text(), excerpt=text(), why=text())
    return Summary(
        verdict=Verdict.PARTIAL,
        headline=text(),
        what_changed=text(),
        risks=(text(), text()),
        findings=tuple(findings),
        tests=TestReport(
            outcome=TestOutcome.FAILED,
            failed=(failed,),
            flaky=(failed,),
            checks=(CheckFact(name=text(), conclusion=text(), flaky=True, base="failure"),),
            lines=(TiedLine(path=text() or "a", line=3, changed=True),),
            output_tail=text(),
            detail=text(),
        ),
        docs=DocsReport(passages=(passage,)),
        missing=(MissingStage(stage=text(), why=text()),),
        not_reviewed=tuple(Skipped(what=text(), why=text(), gap=gap) for gap in (True, False)),
        stages=(StageFact(name=text(), state=text(), attempts=2, detail=text()),),
    )


def facts_full_of(texts: list[str]) -> Facts:
    a, *_, z = [*texts, *texts]
    return Facts(run_id=a, head=z, base_ref=a, head_ref=z, title=a)


@pytest.mark.parametrize("name", sorted(examples()))
def test_the_published_example_is_what_is_rendered(name: str) -> None:
    """Write them anew with `python -m tests.review.examples`, and read them."""
    published = (DIRECTORY / f"{name}.md").read_text(encoding="utf-8")

    assert render(examples()[name], FACTS) == published
    assert what_acts(published) == []


def test_every_published_page_is_an_example_and_is_listed() -> None:
    pages = {path.name for path in DIRECTORY.glob("*.md")} - {"README.md"}
    index = (DIRECTORY / "README.md").read_text(encoding="utf-8")

    assert pages == {f"{name}.md" for name in (*examples(), *on_a_pull_request.pages())}
    assert all(f"]({page})" in index for page in pages)


@given(any_texts)
@example(HOSTILE)
def test_no_text_in_any_field_acts_or_breaks_the_page(texts: list[str]) -> None:
    facts = facts_full_of(texts)

    page = render(a_summary_full_of(texts), facts)

    tokens = list(tokens_of(page))
    assert what_acts(page) == []
    assert page.startswith(f"{marker(facts)}\n## ")
    assert [token.type for token in tokens if token.block and token.level == 0][-2:] == [
        "paragraph_open",
        "paragraph_close",
    ]
    assert [token.tag for token in tokens if token.type == "heading_open" and token.level == 0] == ["h2"] + ["h3"] * 5
    assert length(page) <= COMMENT_CHARACTERS_MAX


@given(any_texts)
@example(HOSTILE)
@example(["", "]"])
def test_only_addresses_that_we_build_become_links(texts: list[str]) -> None:
    def link(path: str, line: int, line_end: int) -> str:
        return f"https://github.com/acme/shop/blob/0123/{path}#L{line}-L{line_end}"

    tokens = list(tokens_of(render(a_summary_full_of(texts), facts_full_of(texts), link=link)))

    addresses = [str(token.attrs["href"]) for token in tokens if token.type == "link_open"]
    assert {urlsplit(address).netloc for address in addresses} == {"github.com"}
    assert len(addresses) == len(Severity) + 3
    assert not [token for token in tokens if token.type == "image"]


def test_an_address_that_is_not_https_is_no_link() -> None:
    page = render(a_summary(an_analysis(a_finding())), FACTS, link=lambda *_: "http://evil.example")

    assert not [token for token in tokens_of(page) if token.type == "link_open"]


def test_the_marker_names_run_and_head_and_holds_nothing_else() -> None:
    facts = Facts(run_id="r_1 --> <b>", head="0123", base_ref="main", head_ref="x")

    assert marker(facts) == "<!-- onceover:summary v=1 run=r_1_b_ head=0123 -->"


def test_a_good_day_is_short() -> None:
    page = render(a_summary(), FACTS)

    open_part = page.split("<details>", maxsplit=1)[0]
    assert len(open_part.splitlines()) <= 14


def test_findings_stand_worst_first_and_small_ones_are_folded() -> None:
    findings = [a_finding(severity, title=f"About {severity}") for severity in reversed(Severity)]

    page = render(a_summary(an_analysis(*findings)), FACTS)

    places = [page.index(f"About {severity}") for severity in Severity]
    assert places == sorted(places)
    assert page.index("About medium") < page.index("<summary>🟦 2 smaller remarks</summary>") < page.index("About low")


def test_a_page_over_the_limit_keeps_what_is_worst_and_says_what_was_cut() -> None:
    findings = [a_finding(Severity.CRITICAL, line=line) for line in range(1, 3)]
    findings += [a_finding(Severity.INFO, line=line, claim="wordy " * 300) for line in range(1, 60)]
    docs = a_docs_report(passages=tuple(a_passage(line=line) for line in range(1, 13)))

    page = render(a_summary(an_analysis(*findings), failing_tests(), docs), FACTS)

    assert length(page) <= COMMENT_CHARACTERS_MAX
    assert "### 🟥 Critical (2)" in page
    assert "_Left out to keep the limit of 65,536 characters: " in page
    assert "info findings" in page
    assert page.startswith("<!-- onceover:summary v=1 run=r_7f3a ")
    assert "**Next:**" in page.splitlines()[-3]


def test_a_suggestion_to_delete_says_so() -> None:
    assert "Suggestion: remove lines 3 to 4." in render(
        a_summary(an_analysis(a_finding(line=3, line_end=4, suggestion="\n"))), FACTS
    )


def test_many_files_left_out_for_one_reason_are_counted() -> None:
    skipped = tuple(Skipped(what=f"vendor/{number}.js", why="vendored") for number in range(5_000))

    page = render(a_summary(an_analysis(skipped=skipped)), FACTS)

    assert "`vendor/4.js` and 4,995 more: vendored" in page


def test_files_of_which_a_stage_told_only_the_number_are_counted_too() -> None:
    skipped = left_out(((f"vendor/{number}.js", "vendored") for number in range(5_000)), gap=False)

    page = render(a_summary(an_analysis(skipped=skipped)), FACTS)

    assert "`vendor/4.js` and 4,995 more: vendored" in page


def test_what_a_verdict_tells_the_reader_to_do_stands_at_the_end() -> None:
    for verdict in Verdict:
        page = render(a_summary().model_copy(update={"verdict": verdict}), FACTS)

        assert "onceover review" in page.rpartition("**Next:**")[2]


def test_every_text_of_the_hostile_example_can_still_be_read() -> None:
    read = text_of(render(examples()["hostile"], FACTS))

    for words in ("![x](https://evil.example/?q=secret)", "@org/team", "bors r+", "<U+202E>gnp.exe", "$fine$"):
        assert words in read
