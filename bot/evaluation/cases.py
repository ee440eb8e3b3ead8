"""Cases: pull requests whose defects are known, as files that one can read.

A case is one TOML file: the base's files, those that the head has otherwise, and what a reviewer should say. A remark
that is expected names the line by its text, so that a case can be edited without counting lines. A case without any
is clean: whatever is said about it is noise.

Promises that a case that is not whole is refused with its file and the reason. Our own set is in `cases/`; its
languages and kinds are those of defects that reviews are for, and half of it is clean.
"""

import contextlib
import hashlib
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bot.made_repository import add_branch, make_repository
from pipeline.engine.errors import AskPerson
from pipeline.review.findings import Severity

BASE: Final = "main"
BRANCH: Final = "change"
SUFFIX: Final = ".toml"

CASE_BYTES_MAX: Final = 1_000_000
"""Of one file; ours have some 2 KB."""


class CaseInvalid(AskPerson):
    """A file is no case."""

    code = "case_invalid"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Expected(_Part):
    """A remark that a reviewer should make."""

    path: str
    quote: Annotated[str, Field(min_length=1, description="The line it is about, as it stands in the head.")]
    kind: Annotated[str, Field(description="bug, security, concurrency, error-handling, docs ...")]
    severity: Severity
    what: Annotated[str, Field(description="What is wrong, for people.")]


class Case(_Part):
    """One pull request."""

    name: str
    title: Annotated[str, Field(description="What its author calls it.")]
    language: str
    about: Annotated[str, Field(description="What is to be seen here, for people.")]
    base: dict[str, str]
    head: Annotated[dict[str, str], Field(description="Files that are new or differ.")]
    removed: tuple[str, ...] = ()
    expected: tuple[Expected, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> "Case":
        if unknown := [path for path in self.removed if path not in self.base]:
            raise ValueError(f"{unknown[0]} is removed, and not in the base")
        for one in self.expected:
            if (times := self._lines(one.path).count(one.quote.strip())) != 1:
                raise ValueError(f"{one.path} has the quoted line {times} times, not once: {one.quote}")
        return self

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing to be said."""
        return not self.expected

    @property
    def head_files(self) -> dict[str, str]:
        """The head's tree."""
        return {path: text for path, text in (self.base | self.head).items() if path not in self.removed}

    def line_of(self, one: Expected) -> int:
        """Find the line that a remark is expected on, from 1."""
        return self._lines(one.path).index(one.quote.strip()) + 1

    def _lines(self, path: str) -> list[str]:
        """Read a file of the head without its indentation; one empty line if it has none of that name."""
        return [line.strip() for line in self.head_files.get(path, "").split("\n")]

    @property
    def fingerprint(self) -> str:
        """Name what is in it: 12 hex digits."""
        return hashlib.sha256(self.model_dump_json(exclude={"about", "expected"}).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A case as commits on this machine."""

    repository: Path
    base: str
    head: str


def own_cases() -> list[Case]:
    """Read the set that we ship, by name."""
    return list(_cases_in(resources.files("bot.evaluation") / "cases"))


def cases_in(directory: Path) -> list[Case]:
    """Read a set of somebody's own, by name.

    Raises:
        CaseInvalid: A file is no case, or there is none.
    """
    found = list(_cases_in(directory)) if directory.is_dir() else []
    if not found:
        raise CaseInvalid(
            f"There is no case in {directory}: no file ends with {SUFFIX}.",
            next_step="docs/evaluation.md tells how one is written.",
        )
    return found


def build(case: Case, place: Path) -> Change:
    """Make the repository of a case, unless it is there from an earlier time.

    Args:
        case: What is in it.
        place: Directory of all of them; another content has another place, so nothing is mixed.
    """
    repository = place / f"{case.name}-{case.fingerprint}"
    if not repository.exists():
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=place) as making:
            made = Path(making) / "repository"
            make_repository(made, BASE, _encoded(case.base), "Begin")
            add_branch(made, BRANCH, _encoded(case.head), case.title, removed=case.removed)
            with contextlib.suppress(OSError):  # Somebody else made the same meanwhile.
                made.rename(repository)
    return Change(repository=repository, base=BASE, head=BRANCH)


def _encoded(files: Mapping[str, str]) -> dict[str, bytes]:
    return {path: text.encode() for path, text in files.items()}


def _cases_in(folder: Traversable) -> Iterator[Case]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.name.endswith(SUFFIX):
            yield _read(entry)


def _read(entry: Traversable) -> Case:
    try:
        content = entry.read_bytes()
        if len(content) > CASE_BYTES_MAX:
            raise CaseInvalid(f"{entry.name} has {len(content):,} bytes, the limit is {CASE_BYTES_MAX:,}.")
        return Case.model_validate({"name": entry.name.removesuffix(SUFFIX)} | tomllib.loads(content.decode()))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise CaseInvalid(f"{entry.name} is no case: {place + ': ' if place else ''}{first['msg']}.") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CaseInvalid(f"{entry.name} cannot be read as TOML: {error}.") from error
