"""SARIF files: what other tools found, read for a review, and what a review found, written for other tools."""

import dataclasses
import json
import os
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from bot.whole_file import FileUnwritable, write_whole
from pipeline.engine.stage import JsonValue
from pipeline.review.reports import Summary
from pipeline.review.sarif import sarif_of
from pipeline.services.analyzers.sarif import BYTES_MAX, SarifUnreadable, read_sarif
from pipeline.stages.analyze.parameters import REPORTED_MAX


def read_reported(paths: Sequence[Path], root: Path) -> tuple[list[JsonValue], list[str]]:
    """Read what other tools said.

    Args:
        paths: SARIF files.
        root: The check-out, for tools that write absolute places.

    Returns:
        What the stage analyze reads of it, and what was left out, in sentences.

    Raises:
        SarifUnreadable: A file is missing, is no SARIF, or is too large.
    """
    reported: list[JsonValue] = []
    told: list[str] = []
    for path in paths:
        answer = read_sarif(_content(path), root=str(root))
        reported += [dataclasses.asdict(one) for one in answer.remarks]
        told += [f"{path.name}: {one.why}" for one in answer.unread]
    if len(reported) > REPORTED_MAX:
        raise SarifUnreadable(
            f"The SARIF files hold {len(reported):,} remarks, the limit is {REPORTED_MAX:,}.",
            next_step="Name fewer files at once.",
        )
    return reported, told


def check_place(path: Path) -> None:
    """Say before a review is paid for that its SARIF could not be written.

    Raises:
        FileUnwritable: There is no such directory, or no right to write there.
    """
    if path.is_dir() or not os.access(path.absolute().parent, os.W_OK | os.X_OK):
        raise FileUnwritable(
            f"{path} cannot be written: it is a directory, or there is none that can be written to.",
            next_step="Name a file in a directory of yours.",
        )


def write_sarif(path: Path, summary: Summary, *, head: str) -> None:
    """Write a review for other tools.

    Raises:
        FileUnwritable: There is no right to write there, or no room.
    """
    text = json.dumps(sarif_of(summary, head=head, version=metadata.version("onceover")), indent=2)
    write_whole(path, text + "\n")


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(BYTES_MAX + 1)
    except OSError as error:
        raise SarifUnreadable(
            f"{path} cannot be read: {error.strerror}.", next_step="Name a SARIF file that a tool has written."
        ) from error
