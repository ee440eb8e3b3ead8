"""Examples of the comment, published as `docs/examples/*.md`: `python -m tests.review.examples` writes them anew."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pipeline.review.findings import Severity
from pipeline.review.rendering import Facts, render
from pipeline.review.reports import MissingStage, Skipped, Spend, StageFact, Summary, TestOutcome
from pipeline.review.summary import Reports, summarize_reports
from tests.builders.reports import (
    a_docs_report,
    a_file,
    a_finding,
    a_passage,
    a_summary,
    a_test_report,
    an_analysis,
    asked,
    failing_tests,
    stale_docs,
    the_stages,
)

DIRECTORY: Final = Path(__file__).parents[2] / "docs" / "examples"
FACTS: Final = Facts(
    run_id="r_7f3a",
    head="3c1f0a9be27d4c5a8e6f1b2d3c4e5f60718293a4",
    base_ref="main",
    head_ref="feature/discount",
    title="Take discounts off before the total",
)


def examples() -> Mapping[str, Summary]:
    """Give the reviews by the name of their page."""
    return {
        "good-day": good_day(),
        "findings": findings(),
        "degraded": degraded(),
        "nothing-reviewed": nothing_reviewed(),
        "empty-diff": a_summary(an_analysis(files=(), tools=())),
        "hostile": hostile(),
    }


def good_day() -> Summary:
    """Nothing found, everything looked at."""
    files = (a_file("shop/order.py"), a_file("tests/test_order.py", added=24, removed=0))
    return a_summary(an_analysis(files=files))


def findings() -> Summary:
    """Findings of each kind, failing tests, a document left behind."""
    files = (
        a_file("shop/order.py", added=31, removed=12),
        a_file("shop/export.py", status="added", added=58, removed=0),
        a_file("uv.lock", added=210, removed=190),
    )
    analysis = an_analysis(
        a_finding(
            Severity.CRITICAL,
            path="shop/export.py",
            line=27,
            category="security",
            title="`subprocess` call with `shell=True` and a name from the request",
            claim="`customer` comes from the query string. A name such as `x; rm -rf /` runs as a command.",
            source="bandit:B602",
            suggestion='    subprocess.run(["zip", archive, customer], check=True)',
        ),
        a_finding(
            Severity.HIGH,
            line=42,
            line_end=44,
            claim="`total()` adds the prices before `apply_discount` has run, so the customer pays in full.\n\n"
            "The test `test_total_with_discount` fails for this reason.",
            confidence=0.9,
            suggestion="    discounted = [apply_discount(line) for line in self.lines]\n"
            "    return sum(line.price for line in discounted)",
        ),
        a_finding(
            title="An empty order raises `IndexError`",
            line=57,
            claim="`self.lines[0]` is read without a check. A cart may be empty.",
            confidence=0.7,
        ),
        a_finding(
            Severity.INFO,
            path="shop/export.py",
            line=3,
            title="`os` imported but unused",
            claim="`os` imported but unused",
            category="style",
            source="ruff:F401",
            suggestion="",
        ),
        files=files,
        tools=("ruff 0.17.6", "bandit 1.9.4"),
        model="gpt-test",
        walkthrough="Discounts are now taken off each line before the total is made. "
        "A new module, `shop/export.py`, packs a customer's orders into a zip file.",
        skipped=(Skipped(what="uv.lock", why="a lock file, written by a program"),),
        spend=Spend(calls=2, prompt_tokens=6_120, completion_tokens=840),
    )
    docs = a_docs_report(stale_docs(), passages=(a_passage(), a_passage(path="README.md", line=31, line_end=31)))
    reports = Reports(analysis=analysis, tests=failing_tests(), docs=docs)
    return summarize_reports(reports, asked(model="gpt-test"), the_stages(analyze=14.2, test=4.1, docs=0.3))


def degraded() -> Summary:
    """The model did not answer, the tests ran out of time, the stage docs is missing."""
    analysis = an_analysis(
        a_finding(title="An empty order raises `IndexError`", claim="A cart may be empty.", source="ruff:B018"),
        skipped=(Skipped(what="model", why="gpt-test gave no answer in 300 s, three times", gap=True),),
    )
    tests = a_test_report(
        TestOutcome.TIMED_OUT,
        exit_code=None,
        tests_run=None,
        detail="`pytest -q` was stopped at its limit of 900 s. Raise the limit, or run fewer tests.",
        output_tail="tests/test_order.py ....\ntests/test_export.py .",
    )
    docs = MissingStage(stage="docs", why="it failed three times: no space left on the device")
    stages = (
        StageFact(name="analyze", state="done", attempts=3, seconds=921, detail="1 finding"),
        StageFact(name="test", state="done", attempts=1, seconds=900.4, detail="timed out"),
        StageFact(name="docs", state="failed", detail="no space left on the device"),
    )
    return summarize_reports(Reports(analysis=analysis, tests=tests, docs=docs), asked(model="gpt-test"), stages)


def nothing_reviewed() -> Summary:
    """No stage came to an end."""
    why = "it failed three times: the repository could not be read"
    analysis, tests, docs = (MissingStage(stage=name, why=why) for name in ("analyze", "test", "docs"))
    stages = tuple(StageFact(name=name, state="failed", detail=why) for name in ("analyze", "test", "docs"))
    return summarize_reports(Reports(analysis=analysis, tests=tests, docs=docs), asked(), stages)


def hostile() -> Summary:
    """A branch that tries everything against the reader: all of it stays text."""
    finding = a_finding(
        Severity.HIGH,
        path="a`b|c\n@org/team\x1b[31m.py",
        title="</details> @org/team #1 ![x](https://evil.example/?q=secret) \u202egnp.exe",
        claim="/merge\n\n```\nbors r+\n/lgtm\n```\n\n<!-- onceover:summary v=1 run=r_1 head=0 -->\n# All is well\n"
        "See https://evil.example and 3c1f0a9be27d4c5a8e6f1b2d3c4e5f60718293a4.",
        suggestion="````\n/merge\n</details>",
        source="model",
    )
    return a_summary(an_analysis(finding, walkthrough="@dependabot merge\n\n| a | b |\n|---|---|\n\nThis is $fine$."))


def write() -> None:
    """Publish them."""
    for name, summary in examples().items():
        (DIRECTORY / f"{name}.md").write_text(render(summary, FACTS), encoding="utf-8")


if __name__ == "__main__":
    write()
