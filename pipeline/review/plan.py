"""Plan: what is to be done for one head of a pull request, decided once, before the five stages begin.

It is the checkpoint of the stage `prepare`, and the only thing that the others know of the pull request besides its
commits. Promises checked, typed values; what strangers wrote (title, names of branches) is text in it and nothing more.
"""

from typing import Annotated

from pydantic import Field, JsonValue

from pipeline.review.findings import Severity
from pipeline.review.reports import Report


class PlanProblem(Report):
    """One fault of the repository's configuration, to be shown on the pull request."""

    source: Annotated[str, Field(description="The file, as `owner/name/.github/onceover.yml`.")]
    line: Annotated[int, Field(ge=1)]
    column: Annotated[int, Field(ge=1)]
    message: str


class Plan(Report):
    """What the five stages go by."""

    not_wanted: Annotated[str | None, Field(description="Why there is no review of this head, as a sentence.")] = None
    off: Annotated[dict[str, str], Field(description="Stages that are switched off, and why.")] = Field(
        default_factory=dict
    )
    number: Annotated[int, Field(ge=1)]
    title: str = ""
    author: str = ""
    is_fork: bool = False
    head: str
    head_ref: str
    base_ref: str
    merge_base: Annotated[str, Field(description="Where the head left the base; empty if there is no review.")] = ""
    html_url: Annotated[str, Field(description="The pull request's own page; links are built from it.")] = ""
    params: Annotated[dict[str, JsonValue], Field(description="What the five stages read, by name.")] = Field(
        default_factory=dict
    )
    fail_on: str = "high"
    severity_min: Annotated[Severity, Field(description="Findings below it are not posted inline.")] = Severity.INFO
    inline_max: Annotated[int, Field(ge=0, le=25)] = 25
    problems: tuple[PlanProblem, ...] = ()
    notes: Annotated[tuple[str, ...], Field(description="What was decided and is worth telling, a sentence each.")] = ()
