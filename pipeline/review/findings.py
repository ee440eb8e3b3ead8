"""Finding: one remark about the code, whoever made it.

A finding is a value: it says where, how bad, what, why and how sure. Its fingerprint names the
remark and not the line it stands on today, so that the same remark on the next push is known again.

A model words the same remark in another way each time, so a remark of a model is named by the line of code that it
stands on and not by its title; one of an analyser, which always says the same, by its rule and title. Does not promise
to know a remark again whose code was changed, or that is filed under another category. What was stored before code was
noted is known by the title, as it was then: `known_among` looks for both names.
"""

import hashlib
from collections.abc import Collection
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

CLAIM_CHARACTERS_MAX: Final = 2_000
TITLE_CHARACTERS_MAX: Final = 200
EVIDENCE_CHARACTERS_MAX: Final = 600
"""Of the code that a remark quotes; three lines of it are asked for."""


class Severity(StrEnum):
    """How bad it would be to merge this, worst first."""

    CRITICAL = "critical"  # Data loss, a security hole, an outage.
    HIGH = "high"  # Wrong results on a path that people use.
    MEDIUM = "medium"  # Wrong at an edge, or sure to hurt the next change.
    LOW = "low"  # Worth a look; safe to merge as it is.
    INFO = "info"  # Good to know.

    @property
    def rank(self) -> int:
        """Order by badness: 0 is the worst."""
        return list(Severity).index(self)

    def is_at_least(self, other: "Severity") -> bool:
        """Whether this is as bad as the other, or worse."""
        return self.rank <= other.rank


class Finding(BaseModel):
    """One remark on lines of the head's version of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[str, Field(min_length=1, description="Path in the head tree, `/` between parts.")]
    line: Annotated[int, Field(ge=1, description="First line it is about, in the head's version.")]
    line_end: Annotated[int, Field(ge=1, description="Last line it is about, in the head's version.")]
    severity: Severity
    category: Annotated[str, Field(description="bug, security, performance, docs, tests, style, ...")]
    title: Annotated[str, Field(max_length=TITLE_CHARACTERS_MAX, description="The remark in one line.")]
    claim: Annotated[str, Field(max_length=CLAIM_CHARACTERS_MAX, description="What is wrong, and why.")]
    source: Annotated[str, Field(description="Who says so: `ruff:F841`, `bandit:B602`, `model`.")]
    confidence: Annotated[float, Field(ge=0, le=1, description="How sure the source is, 0 to 1.")] = 1.0
    evidence: Annotated[
        str, Field(description="Code that it quotes, from those lines or what stood there; empty for an analyser.")
    ] = ""
    code: Annotated[str, Field(description="Hash of the line of code that it stands on; empty if not noted.")] = ""
    suggestion: Annotated[
        str | None, Field(description="Lines to put in the place of `line` to `line_end`, if it is that simple.")
    ] = None

    @property
    def fingerprint(self) -> str:
        """Name the remark, not its line: 16 hex digits, stable when code above it moves."""
        return self._named(f"\0{self.code}") if self.code else self.former_fingerprint

    @property
    def former_fingerprint(self) -> str:
        """Name the remark by its words, as remarks of models were named before code was noted with them."""
        return self._named(self.title)

    def known_among(self, fingerprints: Collection[str]) -> str | None:
        """Say under which of its names it is among these; None if it is not."""
        names = (self.fingerprint, self.former_fingerprint)
        return next((name for name in names if name in fingerprints), None)

    def on_code(self, line: str) -> "Finding":
        """Note the line of code that it stands on; how it is indented and spaced does not matter."""
        words = " ".join(line.split())
        return self.model_copy(update={"code": _digits(words) if words else ""})

    def _named(self, what: str) -> str:
        return _digits(f"{self.path}\0{self.source}\0{self.category}\0{what}")


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def rank(findings: "list[Finding] | tuple[Finding, ...]") -> tuple[Finding, ...]:
    """Order worst first, then surest, then by place; twins (same fingerprint, line and title) are told once."""
    once = {(finding.fingerprint, finding.line, finding.title): finding for finding in reversed(findings)}
    return tuple(
        sorted(once.values(), key=lambda f: (f.severity.rank, -f.confidence, f.path, f.line, f.source, f.title))
    )
