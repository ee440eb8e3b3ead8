"""Zizmor: what is insecure in GitHub Actions workflows and action definitions.

A remark stands at the first line of the place that zizmor calls primary, also when the place is a whole job:
otherwise an old remark on a job would come back with each change of a step in it.
Rules: https://docs.zizmor.sh/audits/
"""

import re
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, Field, RootModel

from pipeline.services.analyzers.remark import Answer, Level, Remark, visible
from pipeline.services.analyzers.tool import Tool

WORKFLOW: Final = re.compile(r"(?:^|/)\.github/workflows/[^/]+\.ya?ml$|(?:^|/)action\.ya?ml$")

CODE_NOTHING_TO_AUDIT: Final = 3
"""Exit code for input that is no workflow and no action."""

LEVELS: Final[Mapping[str, Level]] = {"High": "high", "Medium": "medium", "Low": "low", "Informational": "info"}
"""Severity by zizmor's own."""

RULE_LEVELS: Final[Mapping[str, Level]] = {
    "template-injection": "critical",  # Text of a stranger's pull request runs with the workflow's token.
    "unpinned-uses": "low",  # A policy that most repositories do not have; zizmor calls it high.
    "artipacked": "low",
}
"""Audits that we judge otherwise, with the reason."""

CONFIDENCES: Final[Mapping[str, float]] = {"High": 0.9, "Medium": 0.7, "Low": 0.5}


class _Point(BaseModel):
    row: int = Field(ge=0)


class _Span(BaseModel):
    start_point: _Point


class _Concrete(BaseModel):
    location: _Span


class _Local(BaseModel):
    verbatim_path: str


class _Key(BaseModel):
    local: _Local = Field(alias="Local")


class _Symbolic(BaseModel):
    key: _Key
    annotation: str
    kind: str


class _Location(BaseModel):
    symbolic: _Symbolic
    concrete: _Concrete


class _Determinations(BaseModel):
    confidence: str
    severity: str


class _Audit(BaseModel):
    ident: str
    desc: str
    url: str
    determinations: _Determinations
    locations: list[_Location]
    ignored: bool


class _Output(RootModel[list[_Audit]]):
    pass


def read(output: bytes) -> Answer:
    """Read zizmor's JSON, version 1."""
    audits = (audit for audit in _Output.model_validate_json(output).root if not audit.ignored)
    return Answer(remarks=tuple(_remark(audit, place) for audit in audits if (place := _primary(audit))))


ZIZMOR: Final = Tool(
    name="zizmor",
    wants=lambda path, _content: WORKFLOW.search(path) is not None,
    arguments=(
        "--offline",
        "--no-config",
        "--no-progress",
        "--no-exit-codes",
        "--format=json-v1",
        "--collect=all",  # Otherwise it would look for a .gitignore.
        "--",
    ),
    exit_codes=frozenset({0}),
    read=read,
    files_per_call_max=1,  # Among many it would only warn of one that it cannot read.
    code_not_its_kind=CODE_NOTHING_TO_AUDIT,
)


def _primary(audit: _Audit) -> _Location | None:
    return next((place for place in audit.locations if place.symbolic.kind == "Primary"), None)


def _remark(audit: _Audit, place: _Location) -> Remark:
    line = place.concrete.location.start_point.row + 1
    description = visible(audit.desc)
    return Remark(
        path=place.symbolic.key.local.verbatim_path,
        line=line,
        line_end=line,
        level=RULE_LEVELS.get(audit.ident) or LEVELS.get(audit.determinations.severity, "low"),
        category="security",
        tool="zizmor",
        rule=audit.ident,
        title=description[:1].upper() + description[1:],
        message=f"{visible(place.symbolic.annotation)}. {audit.url}",
        confidence=CONFIDENCES.get(audit.determinations.confidence, 0.5),
    )
