"""SARIF, read: what another tool found, from the file that it wrote.

Reads SARIF 2.1.0 as tools write it. Promises that whatever the file holds becomes remarks with bounded, visible texts,
on paths inside the repository, or a reason; that what its tool suppressed, or calls no failure, is left out. A file is
named by whoever runs the review, never by a repository: it is believed as far as an analyser of ours is.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.engine.errors import AskPerson
from pipeline.services.analyzers.remark import Answer, Level, Remark, Unread, visible

Json: TypeAlias = Any  # A free JSON value.

BYTES_MAX: Final = 20_000_000
"""Of one file; a scan of a large repository writes some megabytes."""

REMARKS_MAX: Final = 500
"""Taken of one file, the worst first; only those on changed lines are told in the end."""

NAME_CHARACTERS_MAX: Final = 40
RULE_CHARACTERS_MAX: Final = 80
TITLE_CHARACTERS_MAX: Final = 120
CONFIDENCE: Final = 0.8
"""Of a tool that does not say: less than those that we know."""

LEVELS: Final[dict[str, Level]] = {"error": "high", "warning": "medium", "note": "low", "none": "info"}
ORDER: Final[tuple[Level, ...]] = ("critical", "high", "medium", "low", "info")
CRITICAL_FROM: Final = 9.0
"""`security-severity` from which a result is critical; GitHub's own bound."""


class SarifUnreadable(AskPerson):
    """A file is no SARIF, or too large."""

    code = "sarif_unreadable"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Text(_Part):
    text: str = ""


class _Rule(_Part):
    id: str = ""
    short: _Text = Field(_Text(), alias="shortDescription")
    help_uri: str = Field("", alias="helpUri")
    properties: dict[str, Json] = {}


class _Driver(_Part):
    name: str = "a tool"
    rules: tuple[_Rule, ...] = ()


class _Tool(_Part):
    driver: _Driver = _Driver()


class _Artifact(_Part):
    uri: str = ""


class _Region(_Part):
    start_line: int = Field(1, alias="startLine", ge=1)
    end_line: int | None = Field(None, alias="endLine")


class _Physical(_Part):
    artifact: _Artifact = Field(_Artifact(), alias="artifactLocation")
    region: _Region = _Region(startLine=1)


class _Location(_Part):
    physical: _Physical = Field(_Physical(), alias="physicalLocation")


class _Result(_Part):
    rule_id: str | None = Field(None, alias="ruleId")
    rule_index: int | None = Field(None, alias="ruleIndex")
    kind: str = "fail"
    level: str = "warning"
    message: _Text = _Text()
    locations: tuple[_Location, ...] = ()
    suppressions: tuple[Json, ...] = ()
    baseline: str = Field("", alias="baselineState")


class _Run(_Part):
    tool: _Tool = _Tool()
    results: tuple[_Result, ...] | None = None


class _Log(_Part):
    runs: tuple[_Run, ...]


def read_sarif(content: bytes, *, root: str = "") -> Answer:
    """Read a log.

    Args:
        content: The file.
        root: Absolute path of the check-out, for tools that write absolute places.

    Raises:
        SarifUnreadable: It is no SARIF, or has more than `BYTES_MAX` bytes.
    """
    if len(content) > BYTES_MAX:
        raise SarifUnreadable(f"The SARIF file has {len(content):,} bytes, the limit is {BYTES_MAX:,}.")
    try:
        runs = _Log.model_validate_json(content).runs
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "its beginning"
        raise SarifUnreadable(
            f"The file is no SARIF 2.1.0, at {place[:100]}: {first['msg'][:200]}.",
            next_step="Let the tool write SARIF; most have an option for it.",
        ) from None
    found = [one for run in runs for one in _remarks(run, root)]
    remarks = sorted((one for one in found if isinstance(one, Remark)), key=lambda one: ORDER.index(one.level))
    outside = sum(1 for one in found if one is None)
    return Answer(remarks=tuple(remarks[:REMARKS_MAX]), unread=tuple(_unread(len(remarks), outside)))


def _remarks(run: _Run, root: str) -> Iterator[Remark | None]:
    """Read the failures of one run; None stands for one that is in no file of the repository."""
    rules = {rule.id: rule for rule in run.tool.driver.rules}
    for result in run.results or ():
        if result.kind == "fail" and not result.suppressions and result.baseline != "absent":
            yield _remark(result, _rule_of(result, run, rules), _plain(run.tool.driver.name), root)


def _remark(result: _Result, rule: _Rule, tool: str, root: str) -> Remark | None:
    physical = result.locations[0].physical if result.locations else _Physical()
    path = _path(physical.artifact.uri, root)
    if path is None:
        return None
    line, message = physical.region.start_line, visible(result.message.text or rule.short.text)
    return Remark(
        path=path,
        line=line,
        line_end=max(line, physical.region.end_line or line),
        level=_level(result, rule),
        category="security" if "security-severity" in rule.properties else "bug",
        tool=tool,
        rule=visible(rule.id or "unnamed", RULE_CHARACTERS_MAX),
        title=visible(rule.short.text or message or rule.id or "A remark without words", TITLE_CHARACTERS_MAX),
        message=" ".join(filter(None, (message, visible(rule.help_uri, 200)))) or "The tool gave no reason.",
        confidence=CONFIDENCE,
    )


def _rule_of(result: _Result, run: _Run, rules: dict[str, _Rule]) -> _Rule:
    if result.rule_id is not None:
        return rules.get(result.rule_id, _Rule(id=result.rule_id))
    index, known = result.rule_index, run.tool.driver.rules
    return known[index] if index is not None and 0 <= index < len(known) else _Rule()


def _level(result: _Result, rule: _Rule) -> Level:
    try:
        severity = float(rule.properties.get("security-severity", "nan"))
    except (TypeError, ValueError):
        severity = float("nan")
    return "critical" if severity >= CRITICAL_FROM else LEVELS.get(result.level, "medium")


def _path(uri: str, root: str) -> str | None:
    """Find the file in the repository; None if it is none of it."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme not in {"", "file"}:
        return None
    path = PurePosixPath(unquote(parts.path))
    if path.is_absolute():
        if not root or not path.is_relative_to(root):
            return None
        path = path.relative_to(root)
    return None if ".." in path.parts or not path.parts else str(path)


def _plain(name: str) -> str:
    """Keep of a tool's name what can stand in the source of a finding."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-")[:NAME_CHARACTERS_MAX] or "sarif"


def _unread(number: int, outside: int) -> Iterator[Unread]:
    if (beyond := number - REMARKS_MAX) > 0:
        why = f"{_count(beyond)} beyond the limit of {REMARKS_MAX}, the mildest"
        yield Unread(what="SARIF", why=why, gap=True)
    if outside:
        yield Unread(what="SARIF", why=f"{_count(outside)} about no file of the repository", gap=False)


def _count(number: int) -> str:
    return f"{number:,} remark{'' if number == 1 else 's'}"
