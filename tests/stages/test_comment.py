"""The stage comment: a page in every case, posted nowhere."""

import pytest

from pipeline.engine.stage import Checkpointed, Missing, Upstream
from pipeline.review.reports import CommentReport
from pipeline.stages.comment import make_comment
from tests.builders.context import MemoryContext
from tests.builders.reports import a_summary

HEAD = "3c1f0a9be27d4c5a8e6f1b2d3c4e5f60718293a4"


def a_context(upstream: dict[str, Upstream], **params: str) -> MemoryContext:
    return MemoryContext(
        run_id="r_7f3a",
        params={"head": HEAD, "merge_base": HEAD, "base_ref": "main", "head_ref": "feature/discount", **params},
        upstream=upstream,
    )


async def commented(ctx: MemoryContext) -> CommentReport:
    return CommentReport.model_validate(await make_comment()(ctx))


async def test_the_summary_becomes_a_page_that_is_not_posted() -> None:
    value = a_summary().model_dump(mode="json")

    report = await commented(a_context({"summarize": Checkpointed(value=value, attempts=2, seconds=0.4)}))

    assert report.posted is False
    assert report.markdown.startswith(
        f"<!-- onceover:summary v=1 run=r_7f3a head={HEAD} -->\n## ✅ Onceover: no remarks"
    )
    assert "| summarize | done | 2 | 0.4 s |" in report.markdown


@pytest.mark.parametrize(
    ("upstream", "why"),
    [
        ({"summarize": Missing(state="failed", reason="the disk is full")}, "the disk is full"),
        ({"summarize": Checkpointed(value={"verdict": "great"})}, "its result does not fit this version"),
        ({}, "it was not part of this run"),
    ],
)
async def test_without_a_summary_the_page_says_that_nothing_is_known(upstream: dict[str, Upstream], why: str) -> None:
    report = await commented(a_context(upstream))

    assert "## ⚪ Onceover: not reviewed" in report.markdown
    assert f"- `summarize`: {why}" in report.markdown


async def test_a_secret_in_the_title_is_taken_out() -> None:
    token = "ghp_" + "a1B2c3D4e5F6" * 3

    report = await commented(a_context({}, title=f"Add {token}"))

    assert token not in report.markdown
