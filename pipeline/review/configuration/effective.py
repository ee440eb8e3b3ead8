"""Effective: every setting with the value that holds and where it comes from, as `onceover config show` tells it."""

from dataclasses import dataclass

from pipeline.review.configuration.problem import Path, dotted
from pipeline.review.configuration.reading import Origin, ReadConfiguration
from pipeline.review.configuration.schema import settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """One setting, as it holds."""

    name: str
    value: object
    """As JSON has it."""
    origin: Origin


def effective(read: ReadConfiguration) -> tuple[Effective, ...]:
    """Tell every setting, in the order of the model."""
    values = read.configuration.model_dump(mode="json")
    return tuple(
        Effective(
            name=dotted(setting.path),
            value=_at(values, setting.path),
            origin=read.origins.get(setting.path, "default"),
        )
        for setting in settings()
    )


def _at(values: object, path: Path) -> object:
    for part in path:
        values = values[part] if isinstance(values, dict) else None
    return values
