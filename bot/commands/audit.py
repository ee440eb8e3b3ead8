"""`onceover audit`: check what the journals say."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from bot.commands.runs import LIMIT_MAX, AsJson, find_run
from bot.exit_codes import ExitCode
from bot.opened_store import open_store, settings_of_process
from bot.output import result_page, write_json
from pipeline.engine.journal import Audit, verify
from pipeline.engine.records import RunRecord
from pipeline.engine.store import Store
from pipeline.review.visible import visible
from pipeline.review.wording import count


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """One run, and what its chain says."""

    run: RunRecord
    audit: Audit


def verify_chains(
    run: Annotated[str | None, Parameter(help="The run's id, or its first characters; all runs without.")] = None,
    *,
    as_json: AsJson = False,
) -> ExitCode:
    """Compute the hash chain of each journal again and compare."""
    found = asyncio.run(_verify(run))
    broken = [one for one in found if not one.audit.holds]
    if as_json:
        write_json([_json(one) for one in found])
    else:
        _tell(found, broken)
    return ExitCode.FINDINGS if broken else ExitCode.DONE


async def _verify(wanted: str | None) -> list[Verified]:
    async with open_store(settings_of_process()) as opened:
        store = opened.store
        runs = [await find_run(store, wanted)] if wanted else await store.list_runs(LIMIT_MAX)
        return [await _verify_one(store, run.run_id) for run in runs]


async def _verify_one(store: Store, run_id: str) -> Verified:
    # The record is read first and the journal only so far: a run that is moving is not broken.
    run = await find_run(store, run_id)
    entries = await store.journal(run_id, limit=run.journal_length)
    return Verified(run=run, audit=verify(entries, length=run.journal_length, head=run.journal_head))


def _json(one: Verified) -> dict[str, object]:
    audit = one.audit
    return {
        "run_id": one.run.run_id,
        "holds": audit.holds,
        "entries": audit.entries,
        "head": audit.head,
        "problems": list(audit.problems),
    }


def _tell(found: list[Verified], broken: list[Verified]) -> None:
    with result_page() as page:
        for line in _lines(found, broken):
            page.print(visible(line, lines=False), markup=False, highlight=False, soft_wrap=True)


def _lines(found: list[Verified], broken: list[Verified]) -> Iterator[str]:
    for one in found:
        word = "whole " if one.audit.holds else "BROKEN"
        yield f"{word} {one.run.run_id}  {one.audit.entries} entries, head {one.audit.head}"
        yield from (f"       {problem}" for problem in one.audit.problems)
    counted = f"{count(len(found), 'journal')}, {len(broken):,} broken."
    yield counted if found else "No runs yet, so nothing to check."
