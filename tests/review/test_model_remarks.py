"""A model's remarks carry their code, and those about style are dropped."""

from pipeline.review.diff import Line, LineKind
from pipeline.review.excerpts import FileExcerpt, HunkExcerpt
from pipeline.review.findings import Finding, Severity
from pipeline.review.group_review import GroupReview
from pipeline.review.model_remarks import STYLE, finished
from pipeline.review.reports import Spend
from tests.review.test_findings import finding

GROUP = (
    FileExcerpt(
        path="cart.py",
        status="modified",
        hunks=(
            HunkExcerpt(
                lines=tuple(Line(LineKind.ADDED, None, n, text) for n, text in enumerate(["}", "return total", ""], 1))
            ),
        ),
    ),
)


def review(*findings: Finding) -> GroupReview:
    return GroupReview(paths=("cart.py",), model="m", spend=Spend(), findings=findings, dropped={"odd": 1})


def test_the_first_line_that_says_something_names_a_remark() -> None:
    [one] = finished(review(finding(line=1, line_end=3)), GROUP).findings

    assert one.fingerprint == finding().on_code("return total").fingerprint


def test_a_remark_about_style_is_dropped_with_its_reason() -> None:
    about_style = finding(title="Missing docstring", category="maintainability", severity=Severity.LOW)

    done = finished(review(about_style), GROUP)

    assert done.findings == ()
    assert done.dropped == {"odd": 1, STYLE: 1}


def test_a_fault_that_names_style_is_kept() -> None:
    findings = (
        finding(title="Indentation ends the loop early", category="bug", severity=Severity.LOW),
        finding(title="Naming hides formatting bug", category="maintainability", severity=Severity.HIGH),
        finding(title="Two callers are not told", category="maintainability", severity=Severity.LOW),
    )

    assert len(finished(review(*findings), GROUP).findings) == 3


def test_two_matters_on_one_line_have_two_names() -> None:
    findings = (finding(title="Leaks the file"), finding(title="Divides by zero"))

    done = finished(review(*findings), GROUP).findings

    assert len({one.fingerprint for one in done}) == 2
