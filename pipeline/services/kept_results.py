"""Kept results: which tests failed on a commit, remembered on this host by what was run on what.

Promises that a result is found again only for the same command, report place and commit, whole or not at all, and that
no more than `RESULTS_MAX` are kept. Does not promise that it is there: another host may have it, or nobody; nor that
it is true, for the tests are the code's own.
"""

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

RESULTS_MAX: Final = 1_000
"""Some kilobytes each; the oldest go."""

VERSION: Final = 1
"""Of the form of a result; others are not found."""

NAMES: Final = TypeAdapter(tuple[str, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What was run on what."""

    command: tuple[str, ...]
    junit: str
    commit: str

    @property
    def name(self) -> str:
        """The file's name."""
        return hashlib.sha256(json.dumps([VERSION, self.command, self.junit, self.commit]).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptResults:
    """The results on this host. All of this blocks, for about a millisecond."""

    directory: Path

    def find(self, ran: Ran) -> tuple[str, ...] | None:
        """Name the tests that failed, or None if nothing is kept of this."""
        try:
            return NAMES.validate_json((self.directory / ran.name).read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(self, ran: Ran, failed: Sequence[str]) -> None:
        """Keep which tests failed; a disk that is full, or not ours, costs the memory and no more."""
        with contextlib.suppress(OSError):
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.directory, prefix=".", delete=False) as file:
                file.write(NAMES.dump_json(tuple(failed)))
            Path(file.name).replace(self.directory / ran.name)
            self._prune()

    def _prune(self) -> None:
        files = [(one.stat().st_mtime, one) for one in self.directory.iterdir()]
        for _, one in sorted(files, reverse=True)[RESULTS_MAX:]:
            one.unlink(missing_ok=True)
