"""Parameters: what the stage docs reads of a run's, and what it needs of a repository."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Protocol

from pydantic import BaseModel, ConfigDict, Field

from pipeline.services.git_diff import DiffParts
from pipeline.services.git_objects import Content, Tree
from pipeline.services.questions import ChosenModel
from pipeline.services.repository import Repository, Sha

READS: Final = ("head", "merge_base", "docs")
"""Parameters that the result depends on."""

CONTEXT: Final = ("repository",)
"""Parameters that it needs besides: where things are on this host."""


class Wanted(ChosenModel):
    """How much documentation is wanted, and who checks what is found stale; no model, no check."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passages_max: Annotated[int, Field(ge=0, le=50)] = 12
    paths: tuple[str, ...] = ()
    """Documents to read, as in `.gitignore`; all if empty."""
    embedding_model: str | None = None
    """Whose vectors tell what is near in meaning; None if only words count."""


class Params(BaseModel):
    """What this stage reads of the run's parameters."""

    model_config = ConfigDict(frozen=True)

    repository: Repository
    head: Sha
    merge_base: Sha
    docs: Wanted = Wanted()


class Objects(Protocol):
    """What is in a repository."""

    @property
    def common_dir(self) -> Path:
        """Where its objects are."""

    async def diff(self, base: str, head: str) -> DiffParts:
        """Compare two commits."""

    async def list_tree(self, commit: str) -> Tree:
        """List the files of a commit."""

    async def cat_files(self, commit: str, paths: Iterable[str], *, bytes_max: int) -> dict[str, Content]:
        """Read files of a commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The commit under review."""

    objects: Objects
    commit: str
    tree: Tree
