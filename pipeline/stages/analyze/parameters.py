"""Parameters: what the stage reads of a run."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from pipeline.review.depth import Depth
from pipeline.services.analyzers.remark import Level
from pipeline.services.questions import ChosenModel
from pipeline.services.repository import Repository, Sha

READS: Final = ("head", "merge_base", "title", "analysis")
"""Parameters that the result depends on."""

CONTEXT: Final = ("repository", "subject")
"""Parameters that it needs besides: where things are on this host, and whose readings may be taken over."""

FINDINGS_STORED_MAX: Final = 2_000
"""Findings of the analysers that the step keeps; far more than any limit on those that are told."""


REPORTED_MAX: Final = 2_000
"""Remarks of other tools; they stand in the run's parameters."""


class Reported(BaseModel):
    """What another tool said of a place, from a SARIF file that whoever asks for the review named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    line: Annotated[int, Field(ge=1)]
    line_end: Annotated[int, Field(ge=1)]
    level: Level
    category: str
    tool: str
    rule: str
    title: str
    message: str
    confidence: Annotated[float, Field(ge=0, le=1)]


class Analysis(ChosenModel):
    """Who is to read the change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    analyzers: tuple[str, ...] = ()
    at_hand: tuple[str, ...] = ()
    """Those with a program when the run was asked for: once one is installed, the same head is worth another look."""
    ignore: tuple[str, ...] = ()
    """Patterns as in `.gitignore`."""
    reported: Annotated[tuple[Reported, ...], Field(max_length=REPORTED_MAX)] = ()
    """What other tools said; told where it is about changed lines."""
    depth: Depth = Depth.STANDARD
    guidelines: str = ""
    """What the base branch's configuration asks the model to look for."""
    language: str = ""
    """In which the model writes; empty: as it likes."""
    findings_max: Annotated[int, Field(ge=1, le=FINDINGS_STORED_MAX)] = 50


class Params(BaseModel):
    """What this stage reads of the run's parameters."""

    model_config = ConfigDict(frozen=True)

    repository: Repository
    subject: str = ""
    """What the run is about; readings of it are kept under this name, none without one."""
    head: Sha
    merge_base: Sha
    title: str = ""
    analysis: Analysis = Analysis()
