"""`onceover runs`: look at runs, and act on them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from bot.exit_codes import ExitCode
from bot.opened_store import open_store, settings_of_process
from bot.output import result_page, write_json
from bot.runs_json import run_json
from bot.story import tell
from pipeline.engine.errors import AskPerson
from pipeline.engine.journal import JournalEntry
from pipeline.engine.lifecycle import RunState
from pipeline.engine.records import RunRecord
from pipeline.engine.store import Store
from pipeline.review.visible import visible

LIMIT: Final = 20
"""Runs that `list` shows unless told otherwise."""

LIMIT_MAX: Final = 10_000
"""Runs that `list` shows at most."""

ID_PREFIX_MIN: Final = 4
"""So many characters of a run id are enough, if only one run begins with them."""

SHA_CHARACTERS: Final = 8
"""Of a head's SHA; so that a table still fits 80 columns."""

Result = TypeVar("Result")
RunId = Annotated[str, Parameter(help="The run's id, or its first characters.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", show_default=False, help="Print JSON instead of text.")]


class UnknownRun(AskPerson):
    """There is no run of that id."""

    code = "unknown_run"


class UnknownStage(AskPerson):
    """The run has no stage of that name."""

    code = "unknown_stage"


def list_runs(
    *,
    limit: Annotated[int, Parameter(help=f"How many; at most {LIMIT_MAX}.")] = LIMIT,
    as_json: AsJson = False,
) -> ExitCode:
    """List the newest runs: id, state, stages done, when accepted, subject, head."""
    runs = _with_store(lambda store: store.list_runs(min(max(limit, 1), LIMIT_MAX)))
    if as_json:
        write_json([run_json(run) for run in runs])
    elif runs:
        with result_page() as page:
            page.print(_table(runs))
    else:
        _print(["No runs yet. `onceover review` in a repository begins one."])
    return ExitCode.DONE


def show(run: RunId, *, as_json: AsJson = False) -> ExitCode:
    """Tell the story of one run: each transition, step and decision, from its journal."""

    async def read(store: Store) -> tuple[RunRecord, list[JournalEntry]]:
        record = await find_run(store, run)
        return record, await store.journal(record.run_id)

    record, entries = _with_store(read)
    if as_json:
        write_json(run_json(record) | {"journal": [_entry_json(entry) for entry in entries]})
    else:
        _print([f"{record.run_id}  {record.state}  {record.subject}  {record.revision}", *tell(entries)])
    return ExitCode.DONE


def rerun(
    run: RunId,
    stage: Annotated[str, Parameter(help="A stage's name, `failed`, or `all`.")] = "failed",
    *,
    fresh: Annotated[
        bool, Parameter(negative="", show_default=False, help="Also do those steps anew that have their result.")
    ] = False,
    as_json: AsJson = False,
) -> ExitCode:
    """Open stages of a run again, and those that depend on them; all else keeps its checkpoint.

    The work is done by the next free worker of the App, or by the next `onceover review` of that head.
    """
    return _open_again(run, stage, fresh=fresh, as_json=as_json)


def resume(run: RunId, *, as_json: AsJson = False) -> ExitCode:
    """Let a run go on that failed or was cancelled: what is not done is tried again, all else keeps its checkpoint."""
    return _open_again(run, "failed", fresh=False, as_json=as_json)


def _open_again(run: str, stage: str, *, fresh: bool, as_json: bool) -> ExitCode:
    async def open_again(store: Store) -> tuple[RunRecord, str]:
        record = await find_run(store, run)
        if stage not in {"all", "failed", *record.stages}:
            names = ", ".join(record.stages)
            raise UnknownStage(f"There is no stage `{stage}`.", next_step=f"Name one of {names}, `failed` or `all`.")
        chosen = stage if stage in {"all", "failed"} else [stage]
        outcome, _ = await store.rerun(record.run_id, chosen, fresh=fresh, why="asked for by `onceover runs rerun`")
        return record, outcome

    record, outcome = _with_store(open_again)
    run_id, is_local = record.run_id, record.subject.startswith("local/")
    who = "`onceover review` of that head does the work" if is_local else "the next free worker goes on with it"
    told = {
        "reopened": f"{run_id} is open again; {who}.",
        "nothing": f"{run_id} has no such stage to do again; `onceover runs rerun {run_id} all` does all of them.",
        "superseded": f"{run_id} was superseded by a newer head; review that one.",
    }
    return _say(as_json, run_id, outcome, told, good="reopened")


def cancel(run: RunId, *, as_json: AsJson = False) -> ExitCode:
    """Stop a run now. What is done is kept; the same review later goes on from there."""

    async def stop(store: Store) -> tuple[str, str]:
        record = await find_run(store, run)
        return record.run_id, await store.cancel(record.run_id, "cancelled by `onceover runs cancel`")

    run_id, outcome = _with_store(stop)
    told = {"cancelled": f"{run_id} is cancelled.", "ended": f"{run_id} had ended already."}
    return _say(as_json, run_id, outcome, told, good="cancelled")


async def find_run(store: Store, wanted: str) -> RunRecord:
    """Find a run by its id or the beginning of it.

    Raises:
        UnknownRun: None, or more than one.
    """
    is_id = wanted.isascii()  # Others, also such as are no text at all, have never been given out.
    if is_id and (found := await store.read_run(wanted)):
        return found
    near = await store.find_ids(wanted) if is_id and len(wanted) >= ID_PREFIX_MIN else []
    if len(near) == 1 and (found := await store.read_run(near[0])):
        return found
    some = f"{len(near)} runs begin with" if near else "No run is called"
    raise UnknownRun(f"{some} `{visible(wanted, lines=False)}`.", next_step="`onceover runs list` shows them.")


def _with_store(work: Callable[[Store], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        async with open_store(settings_of_process()) as opened:
            return await work(opened.store)

    return asyncio.run(run())


def _table(runs: list[RunRecord]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("run", "state", "stages", "accepted", "subject", "head"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "subject")
    for run in runs:
        done = sum(stage.state.is_terminal for stage in run.stages.values())
        state = f"{run.state}, degraded" if run.is_degraded else str(run.state)
        accepted = datetime.fromtimestamp(run.created_ms / 1000, tz=UTC).astimezone()
        table.add_row(
            *(run.run_id, state, f"{done} of {len(run.stages)}", f"{accepted:%m-%d %H:%M}"),
            *(Text(visible(run.subject, lines=False)), run.revision[:SHA_CHARACTERS]),
        )
    return table


def _say(as_json: bool, run_id: str, outcome: str, told: dict[str, str], *, good: str) -> ExitCode:  # noqa: FBT001
    if as_json:
        write_json({"run_id": run_id, "outcome": outcome})
    else:
        _print([told.get(outcome, f"{run_id}: {outcome}.")])
    return ExitCode.DONE if outcome in {good, RunState.CANCELLED} else ExitCode.FINDINGS


def _entry_json(entry: JournalEntry) -> dict[str, object]:
    told = {"seq": entry.seq, "at_ms": entry.at_ms, "kind": entry.kind, "by": entry.by, "link": entry.link}
    return told | {"detail": dict(entry.detail)}


def _print(lines: Iterable[str]) -> None:
    with result_page() as page:
        for line in lines:
            page.print(visible(line, lines=False), markup=False, highlight=False, soft_wrap=True)
