"""Story: the journal of a run, told to a person line by line.

Every kind of entry has its sentence in one table; an entry of an unknown kind (a newer version wrote it) is told by
its own fields, never left out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from pipeline.engine.journal import JournalEntry
from pipeline.review.visible import visible

Detail: TypeAlias = Mapping[str, Any]
"""A decoded JSON object."""


def tell(entries: Iterable[JournalEntry]) -> Iterator[str]:
    """Tell each entry in a line: seconds since the first one, what happened, and who did it if that changed."""
    begun: int | None = None
    teller = ""
    for entry in entries:
        begun = entry.at_ms if begun is None else begun
        who = f"  ({entry.by})" if entry.by != teller else ""
        teller = entry.by
        yield visible(f"{(entry.at_ms - begun) / 1000:9.3f} s  {sentence(entry)}{who}")


def sentence(entry: JournalEntry) -> str:
    """Say one entry in words."""
    say = _SENTENCES.get(entry.kind)
    if say is None:
        return " ".join((entry.kind, *(f"{name}={value}" for name, value in entry.detail.items())))
    return say(entry.detail)


def _stage(words: str) -> Callable[[Detail], str]:
    def say(detail: Detail) -> str:
        attempt = detail.get("attempt", 1)
        extra = f", attempt {attempt}" if attempt > 1 else ""
        again = f", run {detail['generation']}" if detail.get("generation", 1) > 1 else ""
        return f"{detail['stage']} {words}{extra}{again}{_why(detail)}"

    return say


def _why(detail: Detail) -> str:
    if error := detail.get("error"):
        return f": {error.get('message', '')}"
    return f" ({detail['why']})" if detail.get("why") else ""


def _parked(detail: Detail) -> str:
    wait = f"{detail['delay_ms'] / 1000:.1f} s"
    if detail.get("waits_for") == "retry":
        return f"{detail['stage']} failed and is tried again in {wait}{_why(detail)}"
    signal = f" or until the signal `{detail['signal']}`" if detail.get("signal") else ""
    return f"{detail['stage']} waits for {detail.get('waits_for', '')}: {wait}{signal}"


def _done(detail: Detail) -> str:
    how = "was answered from its checkpoint" if detail.get("reused") else "done, checkpoint accepted"
    partly = "; partly, worth doing again" if detail.get("partial") else ""
    return f"{detail['stage']} {how}{partly}"


def _run(words: str) -> Callable[[Detail], str]:
    return lambda detail: f"the run {words}{_why(detail)}"


def _lease(words: str) -> Callable[[Detail], str]:
    return lambda detail: f"lease {words}: role {detail['role']}, fencing token {detail['token']}"


def _id(detail: Detail) -> str:
    return f", number {detail['id']}" if "id" in detail else ""


def _finished(detail: Detail) -> str:
    reference = f", request {detail['reference']}" if "reference" in detail else ""
    return f"{detail['stage']} finished step `{detail['name']}` in {detail['ms'] / 1000:.3f} s{reference}"


_SENTENCES: Final[Mapping[str, Callable[[Detail], str]]] = {
    "run.accepted": lambda detail: f"accepted: {detail['subject']} at {detail['revision']}",
    "run.queued": _run("waits for a worker"),
    "run.running": _run("is being worked on"),
    "run.waiting": _run("waits; no worker holds it"),
    "run.done": _run("is done"),
    "run.dead": _run("needs a person"),
    "run.cancelled": _run("was cancelled"),
    "run.superseded": _run("was superseded"),
    "stage.pending": _stage("is to be done again"),
    "stage.ready": _stage("is ready"),
    "stage.running": _stage("begins"),
    "stage.parked": _parked,
    "stage.done": _done,
    "stage.skipped": _stage("is not wanted"),
    "stage.failed": _stage("failed for good"),
    "stage.cancelled": _stage("was cancelled"),
    "lease.acquired": _lease("acquired"),
    "lease.released": _lease("released"),
    "lease.expired": _lease("ran out"),
    "lease.taken": _lease("taken over within the same process"),
    "lease.owner_died": _lease("taken back from a dead process"),
    "lease.revoked": _lease("revoked"),
    "step.finished": _finished,
    "wait.ended": lambda detail: f"{detail['stage']} was woken by a {detail['woken_by']}",
    "signal.received": lambda detail: f"signal `{detail['signal']}` received",
    "write.refused": lambda detail: f"{detail['operations']} late write(s) refused: {detail['why']}",
    "effect.intended": lambda detail: f"{detail['stage']} is about to write outside: {detail['effect']}",
    "effect.confirmed": lambda detail: f"{detail['stage']} has written outside: {detail['effect']}{_id(detail)}",
    "effect.forgotten": lambda detail: f"{detail['stage']} took back {detail['effect']}{_why(detail)}",
    "decision": lambda detail: f"{detail['stage']} decided: {detail['text']}",
}
