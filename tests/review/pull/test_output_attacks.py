"""Output: nothing that a stranger or a model wrote acts on any page of ours, as GitHub's own parser reads it.

Each numbered security case is tried on every page; the fuzz looks for those that nobody thought of.
"""

import re
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.engine.lifecycle import RunState, StageState
from pipeline.review.finding_text import short_id
from pipeline.review.findings import Severity
from pipeline.review.fitting import COMMENT_CHARACTERS_MAX, length
from pipeline.review.pull.check_page import SUMMARY_CHARACTERS_MAX, check_output
from pipeline.review.pull.dismissals import Dismissal
from pipeline.review.pull.follow_up import FollowUp
from pipeline.review.pull.inline import BODY_CHARACTERS_MAX, InlineRules, choose_inline
from pipeline.review.pull.marker import read_finding_marker, read_marker
from pipeline.review.pull.summary_page import summary_page
from pipeline.review.pull.told_findings import Threads
from pipeline.review.reports import Verdict
from tests.builders.pulls import NOW_MS, a_marker, a_run, a_stage, files_with
from tests.builders.reports import a_finding
from tests.review.github_reader import alive, shown
from tests.review.hostile_text import HOSTILE, SHA, any_text
from tests.review.pull.test_replies import RULE_HOSTS, every_reply
from tests.review.pull.test_summary_page import facts_full_of
from tests.review.test_rendering import a_summary_full_of

HOSTS = frozenset({"github.com", *RULE_HOSTS})

CASES: Mapping[str, list[str]] = {
    "36 hidden characters": [
        "\u202egnp.exe\u2066",
        "a\u200b\u200d\ufeffb",
        "\U000e0041\U000e0042",
        "\x1b[31m\x00",
        "\x85\u2028",
    ],
    "83 images": [
        "![x](http://evil.example/?q=1)",
        "![x][r]\n\n[r]: http://evil.example/p.png",
        '<img src="http://evil.example/p.png">',
        "<picture><source srcset=http://evil.example/p.png></picture>",
        "<svg onload=alert(1)></svg>",
        "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    ],
    "84 links to other hosts": [
        "[text](https://evil.example)",
        "<https://evil.example>",
        "https://evil.example www.evil.example ftp://evil.example",
        "[x](javascript:alert(1)) <javascript:alert(1)>",
        "https://user:pw@evil.example/ http://xn--80ak6aa92e.com",
        "[x][r] [r]\n\n[r]: https://evil.example",
        "mailto:a@evil.example a@evil.example xmpp:a@evil.example",
        "[^1]\n\n[^1]: https://evil.example",
        '<a href="https://evil.example">x</a>',
    ],
    "85 mentions and references": [
        " ".join(f"@org/team{number}" for number in range(50)),
        "@user,@user. (@user) *@user* _@user_ ~~@user~~ **@user**",
        "#1 owner/repo#1 GH-1 owner/repo@" + SHA,
        SHA,
        SHA[:7],
        "&#64;user &commat;user @<b>user</b> \\@user",
        "$x$ $$y$$ $`z`$",
    ],
    "86 commands to other bots": [
        "/merge\n/lgtm",
        "bors r+",
        "@dependabot merge",
        "/ok-to-test",
        "> /merge",
        "- /merge",
        "x\n/merge\nx",
    ],
    "87 fences, tables and HTML that break out": [
        "```\n@user\n```\n@user",
        "````````\n@user",
        "~~~\n</details>",
        "</details></details></summary>",
        "</sub></code></pre></li></ul>",
        "<!-- hidden",
        "--> <!-- onceover:summary:api.github.com:5150:7 -->",
        "| a | b |\n|---|---|\n| @user | b |",
        "a|b|c",
        "# Heading\n\n===\n\n---\n\n> quoted",
        "- [ ] task\n1. one\n2. two",
        "    indented @user",
        "`" * 70,
        "\\" * 9 + "`@user`",
    ],
    "88 our own marker": [
        "<!-- onceover:summary:api.github.com:5150:7 -->",
        "<!-- onceover:finding:0123456789abcdef -->",
    ],
}


def pages(texts: list[str]) -> Iterator[tuple[str, str, int]]:
    """Give every page with the texts in every field, and the limit of its length."""
    summary = a_summary_full_of(texts)
    storable = [text.encode("utf-8", "replace").decode() for text in texts]
    high, *others = summary.findings
    told = tuple({finding.fingerprint: finding for finding in others}.values())
    threads = Threads(
        inline={high.fingerprint: None},
        follow_up=FollowUp(
            since="5e8a1c7d" * 5, known=frozenset({high.fingerprint}), fixed=told, gone=told, unseen=told
        ),
        dismissed=[(high, Dismissal(by=text, reason=text)) for text in texts],
    )
    yield "summary", summary_page(summary, facts_full_of(texts), threads=threads), COMMENT_CHARACTERS_MAX
    for number, text in enumerate(storable):
        after = storable[(number + 1) % len(storable)]
        finding = a_finding(
            Severity.HIGH,
            line=41,
            line_end=43,
            category=text,
            title=after[:200],
            claim=text,
            source=after,
            suggestion=text,
        )
        for takeable in (True, False):
            rules = InlineRules(suggestions=takeable)
            for comment in choose_inline([finding], files_with(), posted=(), rules=rules).comments:
                yield "inline", comment.body, BODY_CHARACTERS_MAX
        for state in (RunState.DONE, RunState.DEAD, RunState.WAITING):
            failed = a_stage(text, StageState.FAILED, error=after * 30)
            parked = a_stage(after, StageState.PARKED, waits_for=text, wake_at_ms=NOW_MS)
            page = check_output(a_run(state, failed, parked, headline=text, verdict=Verdict.PARTIAL, skipped_why=None))
            yield "check", page.summary, SUMMARY_CHARACTERS_MAX
            yield "check", page.text or "", SUMMARY_CHARACTERS_MAX
        yield "check", check_output(a_run(skipped_why=text)).summary, SUMMARY_CHARACTERS_MAX
        for reply in every_reply(text):
            yield "reply", reply.text or "", COMMENT_CHARACTERS_MAX // 2


@pytest.mark.parametrize("case", CASES)
def test_what_a_security_case_tries_stays_text_on_every_page(case: str) -> None:
    for text in CASES[case]:
        for name, page, characters_max in pages([text]):
            assert alive(page, hosts=HOSTS) == [], f"{name}: {text!r}"
            assert length(page) <= characters_max


def test_hidden_characters_are_shown_as_what_they_are() -> None:
    """Security case 36."""
    [page] = [page for name, page, _ in pages(["\u202e\u200b\U000e0041"]) if name == "summary"]

    assert "<U+202E><U+200B><U+E0041>" in "".join(shown(page).text)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b-\u200d\U000e0000-\U000e007f]", page)


def test_a_page_is_known_by_its_own_first_line_and_by_no_other() -> None:
    """Security case 88, from within."""
    planted = CASES["88 our own marker"]

    for name, page, _ in pages(planted):
        if name == "summary":
            assert read_marker(page) == a_marker()
        if name == "inline":
            assert read_finding_marker(page) not in {None, "0123456789abcdef"}


def test_a_thousand_findings_become_25_remarks_and_a_page_within_the_limit() -> None:
    """Security case 87."""
    findings = [a_finding(Severity.HIGH, line=41 + number % 3, title=f"Number {number}") for number in range(1_000)]

    choice = choose_inline(findings, files_with(), posted=(), rules=InlineRules())

    assert len(choice.comments) == 25
    assert len(choice.left) == 975
    assert len({short_id(finding) for finding in findings}) == 1_000


@settings(max_examples=40)  # Some seventy pages each.
@given(st.lists(any_text, min_size=1, max_size=3))
@example(HOSTILE)
@example(["```suggestion\n/merge\n```", "<details>", "</sub>"])
@example(["[", "](https://evil.example)"])
@example(["<", "img src=x>"])
@example(["`", "@user`"])
def test_no_text_acts_on_any_page(texts: list[str]) -> None:
    for name, page, characters_max in pages(texts):
        assert alive(page, hosts=HOSTS) == [], name
        assert length(page) <= characters_max
