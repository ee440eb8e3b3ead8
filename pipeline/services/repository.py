"""Repository: where commits are on this host, and how one is named, as a run's parameters tell it.

Promises a checked form only; does not promise that anything is there: whoever opens it finds out.
"""

from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Sha: TypeAlias = Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]
"""Full name of a commit, SHA-1 or SHA-256: nothing that git could take for an option or a moving name."""


class Repository(BaseModel):
    """Where the commits are; not part of what a result depends on."""

    model_config = ConfigDict(frozen=True)

    path: Path
