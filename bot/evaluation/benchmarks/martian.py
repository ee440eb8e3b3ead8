"""Martian's Code Review Bench, the offline set: 50 pull requests of five projects with golden comments.

Its golden comments name no lines, so a judge of its own decides what was found. What we do is review the pull requests
and add our remarks to its `benchmark_data.json`, as the comments of one more tool; its steps 2 and 3 then judge them.
The form is that of `offline/README.md` of github.com/withmartian/code-review-benchmark (MIT).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bot.evaluation.cases import Change
from pipeline.engine.errors import AskPerson
from pipeline.review.findings import Finding

Json: TypeAlias = Any  # A free JSON value.

TOOL: Final = "onceover"
"""Our name among the tools that it compares."""


class GoldenUnreadable(AskPerson):
    """A file of the benchmark, or the list of what is on this machine, cannot be read."""

    code = "benchmark_unreadable"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Golden(_Record):
    """What is known of one pull request."""

    pr_title: str
    url: str
    comments: tuple[Json, ...] = ()


class Place(_Record):
    """Where the commits of a pull request are on this machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: Annotated[Path, Field(description="A clone that has both commits.")]
    base: Annotated[str, Field(description="What it is to be merged into, as git knows it.")]
    head: str


_GOLDEN: Final = TypeAdapter(tuple[Golden, ...])
_PLACES: Final = TypeAdapter(dict[str, Place])


def read_golden(directory: Path) -> dict[str, Golden]:
    """Read the golden comments, by the address of the pull request.

    Raises:
        GoldenUnreadable: There are none, or they have another form.
    """
    found = {one.url: one for path in sorted(directory.glob("*.json")) for one in _read(path, _GOLDEN)}
    if not found:
        raise GoldenUnreadable(
            f"There are no golden comments in {directory}.",
            next_step="Name `offline/golden_comments` of a clone of the benchmark.",
        )
    return found


def changes_of(golden: Mapping[str, Golden], places: Path) -> Iterator[tuple[Golden, Change]]:
    """Join pull requests with their commits; those without a place are left out, for the caller to tell.

    Raises:
        GoldenUnreadable: The list has another form.
    """
    known = _read(places, _PLACES)
    for url, one in golden.items():
        if place := known.get(url):
            yield one, Change(repository=place.repository, base=place.base, head=place.head)


def add_review(data: Json, golden: Golden, findings: Sequence[Finding]) -> None:
    """Put our remarks on a pull request in the place of those of an earlier time."""
    entry = data.setdefault(
        golden.url, {"pr_title": golden.pr_title, "golden_comments": list(golden.comments), "reviews": []}
    )
    others = [review for review in entry.setdefault("reviews", []) if review.get("tool") != TOOL]
    ours = {
        "tool": TOOL,
        "pr_url": golden.url,
        "review_comments": [
            {"path": one.path, "line": one.line_end, "body": f"**{one.title}**\n\n{one.claim}", "created_at": None}
            for one in findings
        ],
    }
    entry["reviews"] = [*others, ours]


def read_data(path: Path) -> Json:
    """Read `benchmark_data.json`, or begin one.

    Raises:
        GoldenUnreadable: It is no JSON object.
    """
    return dict(_read(path, TypeAdapter(dict[str, Json]))) if path.exists() else {}


def _read(path: Path, form: TypeAdapter[Json]) -> Json:
    try:
        return form.validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "its beginning"
        raise GoldenUnreadable(f"{path.name} has another form at {place}: {first['msg']}.") from error
    except OSError as error:
        raise GoldenUnreadable(f"{path} cannot be read: {error.strerror}.") from error


def as_text(data: Json) -> str:
    """Write `benchmark_data.json`."""
    return json.dumps(data, indent=2)
