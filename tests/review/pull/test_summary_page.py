"""The summary comment begins with its marker, tells all and acts nowhere, within GitHub's limit."""
# ruff: noqa: E501 - what a page says stands as it is read, in one line.

import itertools
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from pipeline.engine.lifecycle import StageState
from pipeline.review.configuration.problem import Problem
from pipeline.review.findings import Severity
from pipeline.review.fitting import COMMENT_CHARACTERS_MAX, length
from pipeline.review.pull.dismissals import Dismissal
from pipeline.review.pull.follow_up import FollowUp
from pipeline.review.pull.marker import read_marker, write_marker
from pipeline.review.pull.summary_page import (
    NEXT_STEPS,
    PageFacts,
    PageRules,
    summary_page,
)
from pipeline.review.pull.told_findings import Threads
from pipeline.review.reports import Verdict
from tests.builders.pulls import REPOSITORY_URL, a_marker, a_stage, page_facts
from tests.builders.reports import a_finding, a_summary, an_analysis, failing_tests
from tests.review.examples import examples
from tests.review.hostile_text import HOSTILE, any_text
from tests.review.markdown_reader import text_of, tokens_of, what_acts
from tests.review.test_rendering import a_summary_full_of

SECRET = "ghp_" + "a1B2" * 9
any_texts = st.lists(any_text, min_size=1, max_size=4)


def a_problem(message: str = "`hihg` is no severity.", source: str = ".github/onceover.yml") -> Problem:
    return Problem(source=source, line=7, column=12, path="review.fail_on", message=message)


def what_acts_beside(page: str, *, struck: int = 0, links_to: str = "") -> list[str]:
    """List what acts, but so many struck lines and links to this host."""
    tokens = list(tokens_of(page))
    hosts = {urlsplit(str(token.attrs["href"])).netloc for token in tokens if token.type == "link_open"}
    acting = what_acts(page)
    for kind, number in (("s_open", struck), ("link_open", acting.count("link_open") if hosts == {links_to} else 0)):
        for _ in range(number):
            acting.remove(kind)
    return acting


def test_a_good_day_is_short() -> None:
    assert summary_page(a_summary(), page_facts()) == snapshot("""\
<!-- onceover:summary:api.github.com:5150:7 -->
## ✅ Onceover: no remarks

**1 changed file, read by ruff 0.17.6. The tests pass.**

1 file in `shop`: 10 lines added, 2 removed.

**Look twice**

- Code changes, but no test does.

**Tests:** `pytest -q` ended with exit code 0.

<details>
<summary>How this review went: no model was used</summary>

| Stage | Result | Tries | Time |
| --- | --- | ---: | ---: |
| analyze | done | 1 | 4.2 s |
| test | done | 1 | 3.2 s |
| docs | done | 1 | 0.3 s |

No model was used.

</details>

---

**Next:** Nothing to do. The next push is reviewed by itself.

<sub>Commit `3c1f0a9be27d` (Take discounts off before the total) of `feature/discount` against `main` · Run `r_7f3a` · `/onceover explain` or `dismiss` and a finding's id, `/onceover rerun test`; `/onceover help` tells all.</sub>
""")


@pytest.mark.parametrize("name", sorted(examples()))
def test_every_review_has_a_page_that_ends_with_what_one_can_do(name: str) -> None:
    page = summary_page(examples()[name], page_facts())

    assert read_marker(page) == a_marker()
    assert what_acts(page) == []
    assert page.rpartition("**Next:** ")[2].startswith(("Nothing", "Take", "Fix", "`/onceover", "Once", "Push"))
    assert "`onceover review`" not in page


def test_a_pull_request_that_changes_nothing_is_told_so() -> None:
    page = summary_page(examples()["empty-diff"], page_facts())

    assert "Onceover: nothing to review" in page
    assert "Push a commit" in page


def test_every_verdict_has_a_next_step() -> None:
    assert set(NEXT_STEPS) == set(Verdict)


SINCE = "5e8a1c7d" * 5


def test_a_finding_beside_its_line_is_told_in_one_line_and_any_other_whole() -> None:
    beside, here = a_finding(title="Beside"), a_finding(title="Here", claim="All of it.")
    follow_up = FollowUp(since=SINCE, known=frozenset({beside.fingerprint}))
    threads = Threads(inline={beside.fingerprint: None}, follow_up=follow_up)

    page = summary_page(a_summary(an_analysis(beside, here)), page_facts(), threads=threads)

    short = beside.fingerprint[:7]
    assert f"- **Beside** `shop/order.py:42` · still open · beside the line · Id `{short}`" in page
    assert page.count("customer pays in full") == 0
    assert "- **Here** `shop/order.py:42` · new\n\n  All of it." in page


def test_a_follow_up_counts_what_is_fixed_still_open_not_looked_at_and_new() -> None:
    known, new = a_finding(title="Known"), a_finding(title="New")
    follow_up = FollowUp(
        since=SINCE,
        known=frozenset({known.fingerprint}),
        fixed=(a_finding(title="Fixed"),),
        gone=(a_finding(title="Gone", path="old.py"),),
        unseen=(a_finding(title="Unseen", path="far.py"),),
    )

    page = summary_page(
        a_summary(an_analysis(known, new)), page_facts(), threads=Threads(inline={}, follow_up=follow_up)
    )

    assert "Since `5e8a1c7d5e8a`: 2 fixed, 1 still open, 1 not looked at again, 1 new.\n" in page
    assert "- ~~Fixed~~ `shop/order.py`\n- ~~Gone~~ `old.py` · no longer part of the change" in page
    assert "<summary>Still open, not looked at again (1)</summary>\n\n- **Unseen** `far.py:42`" in page


def test_a_follow_up_with_nothing_to_tell_says_so() -> None:
    page = summary_page(a_summary(), page_facts(), threads=Threads(inline={}, follow_up=FollowUp(since=SINCE)))

    assert "Since `5e8a1c7d5e8a`: nothing new." in page


def test_what_is_fixed_is_struck_and_long_lists_are_folded_and_counted() -> None:
    fixed = tuple(a_finding(title=f"Old {number}") for number in range(25))
    follow_up = FollowUp(since=SINCE, fixed=fixed)

    page = summary_page(a_summary(), page_facts(), threads=Threads(inline={}, follow_up=follow_up))

    assert "<summary>✅ Fixed since the last review (25)</summary>" in page
    assert "- ~~Old 0~~ `shop/order.py`" in page
    assert page.count("~~") == 40
    assert "- and 5 more" in page


def test_what_is_dismissed_says_by_whom_and_why_and_mentions_nobody() -> None:
    finding = a_finding(title="Dismissed")
    dismissed = [(finding, Dismissal(by="alice", reason="Meant so, ask @bob.")), (finding, Dismissal())]

    page = summary_page(a_summary(), page_facts(), threads=Threads(inline={}, dismissed=dismissed))

    line = f"- **Dismissed** `shop/order.py:42` · dismissed by `@alice`: Meant so, ask `@bob`. · Id `{finding.fingerprint[:7]}`"
    assert f"<summary>Dismissed (2)</summary>\n\n{line}" in page
    assert what_acts(page) == []


def test_what_is_not_told_is_counted() -> None:
    low = a_finding(Severity.LOW, title="Low")
    bad = [a_finding(Severity.HIGH, title=f"Bad {number}") for number in range(3)]
    rules = PageRules(severity_min=Severity.MEDIUM, findings_max=2)

    page = summary_page(a_summary(an_analysis(low, *bad)), page_facts(), rules=rules)

    assert "### 🟧 High (2)" in page
    assert "Bad 2" not in page
    assert (
        "_Not told: 1 more finding over the limit of 2 (`review.findings_max`), "
        "1 finding below medium (`review.severity_min`)._"
    ) in page


def test_far_too_many_findings_are_one_click_away() -> None:
    findings = [a_finding(Severity.HIGH, title=f"Bad {number}") for number in range(30)]

    page = summary_page(a_summary(an_analysis(*findings)), page_facts())

    assert "### 🟧 High (30)" in page
    assert "<summary>22 more high findings</summary>" in page


def test_the_table_shows_the_new_attempt_and_not_the_stage_that_writes_it() -> None:
    stages = (a_stage("test", generation=2), a_stage("comment", StageState.RUNNING, attempt=1))

    page = summary_page(a_summary(), page_facts(stages=stages))

    assert "| ✓ | test | done | 1 (re-run 1) | 14 s |" in page
    assert "comment |" not in page


def test_mistakes_of_the_configuration_are_told_by_line_and_column() -> None:
    page = summary_page(a_summary(), page_facts(config_problems=[a_problem() for _ in range(12)]))

    assert "- `.github/onceover.yml`, line 7, column 12: `hihg` is no severity." in page
    assert "- and 2 more: `onceover config check` lists all" in page


def test_a_long_walkthrough_can_be_folded() -> None:
    long, short = (a_summary(an_analysis(walkthrough="Discounts come first. " * times)) for times in (40, 1))
    rules = PageRules(collapse_walkthrough=True)

    assert "<summary>What changed</summary>\n\nDiscounts come first." in summary_page(long, page_facts(), rules=rules)
    assert "<summary>What changed" not in summary_page(long, page_facts())
    assert "<summary>What changed" not in summary_page(short, page_facts(), rules=rules)


def test_lines_are_linked_in_the_repository_and_nowhere_else() -> None:
    paths = ["a b#c?.py", "100%.py", "../../evil/repo/x.py", "(x)[y].py"]
    findings = [a_finding(path=path, line=3, line_end=4) for path in paths]

    page = summary_page(a_summary(an_analysis(*findings)), page_facts(repository_url=REPOSITORY_URL))

    addresses = [str(token.attrs["href"]) for token in tokens_of(page) if token.type == "link_open"]
    base = f"{REPOSITORY_URL}/blob/{page_facts().head}"
    assert addresses == [
        f"{base}/%28x%29%5By%5D.py#L3-L4",
        f"{base}/100%25.py#L3-L4",
        f"{base}/a%20b%23c%3F.py#L3-L4",
        f"{REPOSITORY_URL}/commit/{page_facts().head}",
    ]


def test_the_title_and_the_problems_are_shown_without_secrets() -> None:
    page = summary_page(a_summary(), page_facts(title=SECRET, config_problems=[a_problem(SECRET)]))

    assert SECRET not in page
    assert page.count("secret:github-token") == 2


def facts_full_of(texts: list[str]) -> PageFacts:
    given_texts = itertools.cycle(texts)
    return page_facts(
        title=next(given_texts),
        run_id=next(given_texts),
        head_ref=next(given_texts),
        base_ref=next(given_texts),
        repository_url=REPOSITORY_URL,
        config_problems=[a_problem(text, source=text) for text in texts],
        stages=tuple(a_stage(text, StageState.FAILED, error=text) for text in texts),
    )


@given(any_texts)
@example(HOSTILE)
@example(["", "]"])
def test_no_text_in_any_field_acts_or_leaves_its_place(texts: list[str]) -> None:
    summary = a_summary_full_of(texts)
    high, *others = summary.findings
    fixed = tuple({f.fingerprint: f for f in others}.values())
    threads = Threads(
        inline={high.fingerprint: None},
        follow_up=FollowUp(since=SINCE, known=frozenset({high.fingerprint}), fixed=fixed, gone=fixed, unseen=fixed),
        dismissed=[(high, Dismissal(by=text, reason=text)) for text in texts],
    )

    page = summary_page(summary, facts_full_of(texts), threads=threads)

    assert what_acts_beside(page, struck=2 * len(fixed), links_to="github.com") == []
    assert page.startswith(f"{write_marker(a_marker())}\n## 🟡 Onceover: partly reviewed\n")
    assert length(page) <= COMMENT_CHARACTERS_MAX
    assert page.splitlines()[-1].startswith("<sub>Commit ")


@settings(max_examples=10)  # Each is a large page; the explicit one is far over the limit.
@given(st.integers(0, 120), st.integers(0, 2_000), st.sampled_from(Severity))
@example(120, 2_000, Severity.CRITICAL)
def test_a_page_of_any_size_keeps_the_limit_with_the_marker_first(
    findings: int, characters: int, severity: Severity
) -> None:
    found = [
        a_finding(severity, line=line, claim=("`" + "w " * (characters // 2))[:2_000])
        for line in range(1, findings + 1)
    ]
    summary = a_summary(an_analysis(*found), failing_tests())

    page = summary_page(summary, page_facts(), rules=PageRules(findings_max=400))

    assert length(page) <= COMMENT_CHARACTERS_MAX
    assert read_marker(page) == a_marker()
    assert page.count("```") % 2 == 0
    assert page.count("<details>") == page.count("</details>")
    assert "Next:" in text_of(page)
