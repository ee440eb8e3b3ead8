"""The journal is whole, in order, and told in words; whatever is done to it shows."""

import hashlib
import json
import re
from collections.abc import Callable
from importlib import resources

import pytest

from bot.story import sentence
from pipeline.engine.errors import GiveUp, RetryLater
from pipeline.engine.graph import StageSpec
from pipeline.engine.journal import JournalEntry, verify
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.stage import JsonValue, StageContext
from tests.engine.workshop import Acts, MakeWorkshop, failing, waiting


def make_chain(count: int = 4) -> list[JournalEntry]:
    chain, link = [], ""
    for seq in range(1, count + 1):
        text = json.dumps({"seq": seq, "at": seq * 1000, "kind": "decision", "by": "here:1", "text": f"number {seq}"})
        link = hashlib.sha1((link + text).encode(), usedforsecurity=False).hexdigest()
        chain.append(
            JournalEntry(seq=seq, at_ms=seq * 1000, kind="decision", by="here:1", detail={}, text=text, link=link)
        )
    return chain


def alter(entry: JournalEntry) -> JournalEntry:
    return JournalEntry(
        seq=entry.seq, at_ms=0, kind=entry.kind, by=entry.by, detail={}, text=entry.text + " ", link=entry.link
    )


def test_a_whole_chain_holds() -> None:
    chain = make_chain()

    audit = verify(chain, length=4, head=chain[-1].link)

    assert audit.holds
    assert (audit.entries, audit.head) == (4, chain[-1].link)


def test_a_run_without_entries_holds() -> None:
    assert verify([], length=0, head="").holds


@pytest.mark.parametrize(
    ("what", "damage", "problem"),
    [
        ("missing", lambda chain: [chain[0], *chain[2:]], r"Entry 2 is missing: number 3 stands in its place"),
        ("missing at the start", lambda chain: chain[1:], r"Entry 1 is missing"),
        ("altered", lambda chain: [chain[0], alter(chain[1]), *chain[2:]], r"Entry 2 .* does not fit the chain"),
        ("reordered", lambda chain: [chain[0], chain[2], chain[1], chain[3]], r"Entry 2 is missing: number 3"),
        ("doubled", lambda chain: [chain[0], chain[0], *chain[1:]], r"Entry 2 is missing: number 1"),
        ("truncated", lambda chain: chain[:-1], r"counts 4 entries, the journal ends with number 3"),
        ("emptied", lambda _: [], r"counts 4 entries, the journal ends with number 0"),
    ],
)
def test_damage_shows(what: str, damage: Callable[[list[JournalEntry]], list[JournalEntry]], problem: str) -> None:
    chain = make_chain()

    audit = verify(damage(chain), length=4, head=chain[-1].link)

    assert not audit.holds, what
    assert re.search(problem, " ".join(audit.problems))


def test_a_last_entry_that_was_exchanged_with_its_link_shows_at_the_head() -> None:
    chain, other = make_chain(), make_chain(3)
    text = other[-1].text.replace("number 3", "number three")
    link = hashlib.sha1((other[-2].link + text).encode(), usedforsecurity=False).hexdigest()
    other[-1] = JournalEntry(seq=3, at_ms=0, kind="decision", by="here:1", detail={}, text=text, link=link)

    audit = verify(other, length=3, head=chain[2].link)

    assert audit.problems == ("The last entry is not the one that the run's record points to.",)


def test_one_altered_entry_is_one_problem() -> None:
    chain = make_chain()

    audit = verify([alter(chain[0]), *chain[1:]], length=4, head=chain[-1].link)

    assert len(audit.problems) == 1


async def test_a_real_run_has_a_whole_chain_and_any_change_in_redis_breaks_it(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=Acts().stage))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.finish(worker)
    run, entries = await workshop.run_of(run_id), await workshop.store.journal(run_id)
    assert verify(entries, length=run.journal_length, head=run.journal_head).holds

    await workshop.redis.xdel(f"onceover:run:{run_id}:journal", "3-0")

    left = await workshop.store.journal(run_id)
    assert not verify(left, length=run.journal_length, head=run.journal_head).holds


async def test_a_journal_can_be_read_in_parts(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=Acts().stage))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.finish(worker)
    whole = await workshop.store.journal(run_id)

    first = await workshop.store.journal(run_id, limit=3)
    rest = await workshop.store.journal(run_id, after=first[-1].seq)
    followed = await workshop.store.follow(run_id, after=2, wait_seconds=1)

    assert [*first, *rest] == whole
    assert followed == whole[2:]
    assert await workshop.store.follow(run_id, after=whole[-1].seq, wait_seconds=0) == []


def written_kinds() -> set[str]:
    """Find every kind of entry that the scripts can write."""
    scripts = [path.read_text("utf-8") for path in (resources.files("pipeline.engine") / "scripts").iterdir()]
    text = "\n".join(scripts)
    kinds = {kind for kind in re.findall(r"note\(\w+, '([a-z_.]+)'", text) if not kind.endswith(".")}
    kinds |= {
        f"lease.{why}" for line in text.splitlines() if "release(" in line for why in re.findall(r"'(\w+)'", line)
    }
    kinds |= {f"run.{state}" for state in RunState} | {f"stage.{state}" for state in StageState}
    return kinds


def test_the_search_for_kinds_finds_those_that_everybody_knows() -> None:
    assert {"run.accepted", "step.finished", "wait.ended", "lease.owner_died", "lease.revoked"} <= written_kinds()


@pytest.mark.parametrize("kind", sorted(written_kinds()))
def test_every_kind_of_entry_has_its_sentence(kind: str) -> None:
    from bot.story import _SENTENCES  # noqa: PLC0415 - the table itself; an unknown kind is told by its fields.

    assert kind in _SENTENCES


async def eventful(ctx: StageContext) -> JsonValue:
    await ctx.step("act", Acts())
    await ctx.decide("enough")
    return await waiting("go")(ctx)


async def test_every_entry_of_an_eventful_run_is_told_in_words(make_workshop: MakeWorkshop) -> None:
    """A sentence that asks for a field which its entry lacks would raise."""
    workshop = await make_workshop(
        StageSpec(name="analyze", run=eventful),
        StageSpec(name="test", run=failing(RetryLater("busy"), GiveUp("no way"))),
    )
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)
    await workshop.store.signal(run_id, "go")
    await workshop.finish(worker)
    await workshop.store.rerun(run_id, ["analyze"], fresh=True, why="again")
    await workshop.store.cancel(run_id, "enough")

    told = [sentence(entry) for entry in await workshop.store.journal(run_id)]

    assert all(line and "None" not in line and "{" not in line for line in told), told
    assert "analyze waits for ci: 60.0 s or until the signal `go`" in told
    assert "test failed and is tried again in 0.5 s: busy" in told
    assert "the run was cancelled (enough)" in told
