"""Review JSON: what `onceover review --json` prints, as a published schema.

Promises that a key, once there, keeps its name, type and meaning as long as `schema_version` stays; new keys may be
added, so readers ignore what they do not know. `bot/schemas/review.v1.schema.json` is made from these models; a test
says when it has to be made anew (`python -m bot.review_json`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.run_view import StageView
from pipeline.engine.lifecycle import StageState
from pipeline.review.findings import Finding, Severity
from pipeline.review.reports import Summary, Verdict

SCHEMA_FILE: Final = Path(__file__).parent / "schemas" / "review.v1.schema.json"
SCHEMA_ID: Final = "urn:onceover:schema:review:v1"


class Part(BaseModel):
    """What all parts share. Open to new keys on purpose: the schema tells readers to ignore what they do not know."""

    model_config = ConfigDict(frozen=True)


class FindingJson(Part):
    """One remark on lines of the head's version of a file."""

    fingerprint: Annotated[str, Field(description="16 hex digits; the same remark on a later commit has the same.")]
    path: Annotated[str, Field(description="In the head tree, `/` between parts.")]
    line: Annotated[int, Field(ge=1)]
    line_end: Annotated[int, Field(ge=1, description="Last line, included.")]
    severity: Severity
    category: Annotated[str, Field(description="bug, security, performance, docs, tests, style, ...")]
    title: str
    claim: Annotated[str, Field(description="What is wrong, and why. Markdown by whoever wrote it: not escaped.")]
    source: Annotated[str, Field(description="Who says so: `ruff:F841`, `bandit:B602`, `model`.")]
    confidence: Annotated[float, Field(ge=0, le=1)]
    evidence: Annotated[str, Field(description="Code that the model quotes for it; empty for other sources.")]
    suggestion: Annotated[
        str | None, Field(description="Lines in the place of `line` to `line_end`; null: no suggestion.")
    ]


class StageJson(Part):
    """How one stage went."""

    name: Annotated[str, Field(description="analyze, test, docs, summarize or comment.")]
    state: Annotated[str, Field(description="done, failed, skipped or cancelled; while it works also others.")]
    attempts: Annotated[int, Field(ge=0)]
    seconds: Annotated[float | None, Field(description="From first start to end, waits included; null if unknown.")]
    reused: Annotated[bool, Field(description="Answered from the checkpoint of an earlier run.")]
    reason: Annotated[str, Field(description="Why it failed, or what it waits for; empty otherwise.")]


class SpendJson(Part):
    """What the model calls behind this review cost, whenever they were made."""

    calls: Annotated[int, Field(ge=0)]
    prompt_tokens: Annotated[int, Field(ge=0)]
    completion_tokens: Annotated[int, Field(ge=0)]


class SkippedJson(Part):
    """Something that was not read, run or asked."""

    what: Annotated[str, Field(description="A path, a tool, a stage, `model`, `tests`.")]
    why: str
    gap: Annotated[bool, Field(description="True: it was wanted and could not be done. False: left out on purpose.")]


class MissingJson(Part):
    """A stage that ended without a result."""

    stage: str
    why: str


class ReviewJson(Part):
    """The output of `onceover review --json`."""

    model_config = ConfigDict(title="Onceover review, version 1")

    schema_version: Literal[1] = 1
    run_id: str
    head: Annotated[str, Field(description="The commit that was reviewed.")]
    base: Annotated[str, Field(description="The commit it is to be merged into.")]
    merge_base: Annotated[str, Field(description="The commit it was compared with.")]
    verdict: Verdict
    headline: Annotated[str, Field(description="The verdict as a sentence.")]
    findings: Annotated[list[FindingJson], Field(description="Worst first, stale documentation included.")]
    stages: Annotated[list[StageJson], Field(description="In the order of the run.")]
    spend: SpendJson
    not_reviewed: Annotated[list[SkippedJson], Field(description="All of it; what could not be done comes first.")]
    missing: list[MissingJson]
    comment_markdown: Annotated[str, Field(description="The comment, as it would be posted.")]
    resumed: Annotated[bool, Field(description="An interrupted or running review was continued.")]
    from_checkpoints: Annotated[bool, Field(description="Nothing was left to do: all of it had been done before.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Which run made the review, of which commits, and how much of it was new."""

    run_id: str
    head: str
    base: str
    merge_base: str
    resumed: bool = False
    """Something that had been begun earlier was continued."""
    from_checkpoints: bool = False
    """Nothing was left to do."""


def review_json(
    summary: Summary, provenance: Provenance, stages: Sequence[StageView], comment_markdown: str
) -> ReviewJson:
    """Put the output together.

    Args:
        summary: The review.
        provenance: Where it comes from.
        stages: How they stand.
        comment_markdown: The result of the comment stage.
    """
    return ReviewJson(
        run_id=provenance.run_id,
        head=provenance.head,
        base=provenance.base,
        merge_base=provenance.merge_base,
        verdict=summary.verdict,
        headline=summary.headline,
        findings=[_finding(finding) for finding in summary.findings],
        stages=[_stage(stage) for stage in stages],
        spend=SpendJson(
            calls=summary.spend.calls,
            prompt_tokens=summary.spend.prompt_tokens,
            completion_tokens=summary.spend.completion_tokens,
        ),
        not_reviewed=[SkippedJson(what=one.what, why=one.why, gap=one.gap) for one in summary.not_reviewed],
        missing=[MissingJson(stage=one.stage, why=one.why) for one in summary.missing],
        comment_markdown=comment_markdown,
        resumed=provenance.resumed,
        from_checkpoints=provenance.from_checkpoints,
    )


def json_text(review: ReviewJson) -> str:
    """Write it as one JSON document; what is not ASCII is escaped, so no terminal obeys anything in it."""
    return json.dumps(review.model_dump(mode="json"), indent=2, ensure_ascii=True) + "\n"


def schema_text() -> str:
    """Write the JSON Schema as it is published."""
    schema: dict[str, Any] = ReviewJson.model_json_schema(mode="serialization")  # Any: a free JSON value.
    named = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **schema}
    return json.dumps(named, indent=2) + "\n"


def _finding(finding: Finding) -> FindingJson:
    return FindingJson(
        fingerprint=finding.fingerprint,
        path=finding.path,
        line=finding.line,
        line_end=finding.line_end,
        severity=finding.severity,
        category=finding.category,
        title=finding.title,
        claim=finding.claim,
        source=finding.source,
        confidence=finding.confidence,
        evidence=finding.evidence,
        suggestion=finding.suggestion,
    )


def _stage(stage: StageView) -> StageJson:
    return StageJson(
        name=stage.name,
        state=stage.state,
        attempts=stage.attempt,
        seconds=stage.seconds,
        reused=stage.reused,
        reason=stage.note if stage.state is StageState.FAILED else stage.waits_for,
    )


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
