"""Stage comment: the review as the Markdown that stands on the pull request.

Promises a page whatever became of the summary, an honest one if there is none. In a local review nothing is posted:
the page is the result. Deterministic code, no model: what it sees of a stranger's text are checked, typed fields.
"""

from typing import Final

from pydantic import BaseModel, ConfigDict

from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.review.read_summary import read_summary
from pipeline.review.redact import redact
from pipeline.review.rendering import Facts, render
from pipeline.review.reports import CommentReport
from pipeline.services.repository import Sha

VERSION: Final = 1
"""Raised when the page of the same summary changes."""

READS: Final = ("head", "base_ref", "head_ref", "title")
"""Parameters that the result depends on."""

CONTEXT: Final[tuple[str, ...]] = ()
"""Parameters that it needs besides: where things are on this host."""


class Params(BaseModel):
    """What this stage reads of the run's parameters."""

    model_config = ConfigDict(frozen=True)

    head: Sha
    base_ref: str
    head_ref: str
    title: str = ""


def make_comment() -> StageFunction:
    """Make the stage in its local form, which posts nothing."""

    async def comment(ctx: StageContext) -> JsonValue:
        params = Params.model_validate(dict(ctx.params))
        facts = Facts(
            run_id=ctx.run_id,
            head=params.head,
            base_ref=params.base_ref,
            head_ref=params.head_ref,
            title=redact(params.title).text,
        )
        summary = read_summary(ctx.upstream.get("summarize"))
        return CommentReport(markdown=render(summary, facts)).model_dump(mode="json")

    return comment
