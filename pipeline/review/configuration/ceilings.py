"""Ceilings: what the operator allows at most, whatever a repository asks for.

Promises that no setting of the result is above its ceiling, and that a note names each value of a file that was
lowered (security case 30). A default that is lowered was asked for by nobody and makes no note.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.review.configuration.model import FILES_MAX, INLINE_MAX, Configuration
from pipeline.review.configuration.problem import Path
from pipeline.review.depth import Depth

NO_SANDBOX: Final = (
    "`test.source` is `sandbox`, which the operator of Onceover does not offer; the repository's own checks are read"
    " instead."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """The operator's limits; None where the operator sets none and the bounds of the setting hold."""

    files_max: int = FILES_MAX
    findings_max: int = 200
    inline_max: int = INLINE_MAX
    depth_max: Depth = Depth.DEEP
    wait_minutes_max: int = 360
    """A run that waits holds no worker, but a place in the lists of everybody who looks."""
    command_seconds_max: int = 900
    sandbox: bool = False
    """Whether the operator runs tests; else `sandbox` is read as `checks`."""
    run_tokens_max: int | None = None
    run_usd_max: float | None = None
    pull_request_day_tokens_max: int | None = None
    pull_request_day_usd_max: float | None = None
    repository_day_tokens_max: int | None = None
    repository_day_usd_max: float | None = None


def clamp(configuration: Configuration, ceilings: Ceilings) -> tuple[Configuration, Mapping[Path, str]]:
    """Lower what is above its ceiling.

    Returns:
        What holds, and for each setting that was lowered a sentence that says so.
    """
    parts: dict[str, dict[str, object]] = {}
    notes: dict[Path, str] = {}
    for (part, name), limit in _limits(ceilings).items():
        asked = getattr(getattr(configuration, part), name)
        if asked > limit:
            parts.setdefault(part, {})[name] = limit
            notes[part, name] = f"`{part}.{name}` is {asked:,}; the operator of Onceover allows {limit:,}, which holds."
    depth = configuration.review.depth
    if depth.rank > ceilings.depth_max.rank:
        parts.setdefault("review", {})["depth"] = ceilings.depth_max
        notes["review", "depth"] = (
            f"`review.depth` is {depth}; the operator of Onceover allows {ceilings.depth_max}, which holds."
        )
    if configuration.test.source == "sandbox" and not ceilings.sandbox:
        parts.setdefault("test", {})["source"] = "checks"
        notes["test", "source"] = NO_SANDBOX
    lowered = {name: getattr(configuration, name).model_copy(update=values) for name, values in parts.items()}
    return configuration.model_copy(update=lowered), notes


def _limits(ceilings: Ceilings) -> Mapping[tuple[str, str], int | float]:
    """Name the settings that have a ceiling."""
    limits: dict[tuple[str, str], int | float | None] = {
        ("filters", "files_max"): ceilings.files_max,
        ("review", "findings_max"): ceilings.findings_max,
        ("review", "inline_max"): ceilings.inline_max,
        ("test", "wait_minutes_max"): ceilings.wait_minutes_max,
        ("test", "seconds_max"): ceilings.command_seconds_max,
        ("budgets", "run_tokens_max"): ceilings.run_tokens_max,
        ("budgets", "run_usd_max"): ceilings.run_usd_max,
        ("budgets", "pull_request_day_tokens_max"): ceilings.pull_request_day_tokens_max,
        ("budgets", "pull_request_day_usd_max"): ceilings.pull_request_day_usd_max,
        ("budgets", "repository_day_tokens_max"): ceilings.repository_day_tokens_max,
        ("budgets", "repository_day_usd_max"): ceilings.repository_day_usd_max,
    }
    return {path: limit for path, limit in limits.items() if limit is not None}
