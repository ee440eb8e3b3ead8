"""Journal: what happened to a run, in order, in a chain that shows when an entry is missing or was altered.

Each entry is written by the script that makes the change it tells of, so neither exists without the other (A1).
`link(n) = SHA-1(link(n-1) + text(n))`; the record of the run holds the last link and the number of entries.

The chain shows loss, reordering and edits. It cannot stop one who may rewrite all of Redis and computes every link
anew; against that, keep the head (`onceover audit verify` prints it) in another place. Why SHA-1: ADR 0005.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.engine.stage import JsonValue

UNREADABLE: Final = "unreadable"
"""Kind of an entry that is none: somebody wrote into the stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One thing that happened."""

    seq: int
    at_ms: int
    """Unix milliseconds, by Redis's clock."""
    kind: str
    """`run.*`, `stage.*`, `lease.*`, `step.finished`, `wait.ended`, `signal.received`, `write.refused`, `decision`."""
    by: str
    """`host:pid` of the process that asked for the change."""
    detail: Mapping[str, JsonValue]
    text: str
    """The entry as it is stored and hashed."""
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What a look at a chain says."""

    entries: int
    head: str
    problems: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the chain is whole."""
        return not self.problems


def parse_entry(number: bytes, fields: Mapping[bytes, bytes]) -> JournalEntry:
    """Read one entry of the stream; one that somebody spoilt becomes an entry of kind `unreadable`.

    Args:
        number: Its id in the stream, `SEQ-0`.
        fields: `entry` and `link`.
    """
    text, link = (fields.get(name, b"").decode("utf-8", "replace") for name in (b"entry", b"link"))
    try:
        detail = json.loads(text)
        return JournalEntry(
            seq=int(detail.pop("seq")),
            at_ms=int(detail.pop("at")),
            kind=str(detail.pop("kind")),
            by=str(detail.pop("by")),
            detail=detail,
            text=text,
            link=link,
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        seq = int(number.partition(b"-")[0])
        return JournalEntry(seq=seq, at_ms=0, kind=UNREADABLE, by="", detail={"text": text}, text=text, link=link)


def verify(entries: Iterable[JournalEntry], *, length: int, head: str) -> Audit:
    """Compute the chain again and compare it with what is stored.

    Args:
        entries: All entries of a run, in order.
        length: How many the run's record says there are.
        head: The last link, as the run's record has it.
    """
    link, seq, problems = "", 0, []
    for entry in entries:
        seq += 1
        if entry.seq != seq:
            problems.append(f"Entry {seq} is missing: number {entry.seq} stands in its place.")
            seq = entry.seq
        if entry.kind == UNREADABLE:
            problems.append(f"Entry {entry.seq} cannot be read: somebody wrote into the journal.")
        link = hashlib.sha1((link + entry.text).encode(), usedforsecurity=False).hexdigest()
        if link != entry.link:
            problems.append(f"Entry {entry.seq} ({entry.kind}) does not fit the chain: it or one before was altered.")
            link = entry.link
    if seq != length:
        problems.append(f"The run's record counts {length} entries, the journal ends with number {seq}.")
    if link != head:
        problems.append("The last entry is not the one that the run's record points to.")
    return Audit(entries=seq, head=link, problems=tuple(problems))
