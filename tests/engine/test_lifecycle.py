"""The two tables, walked whole through the real scripts: what they allow happens, all else is refused and unwritten."""

import inspect
import json
from importlib import resources
from itertools import product
from typing import Final

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from pipeline.engine import lifecycle
from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import NEXT_RUN, NEXT_STAGE, RunState, StageState
from pipeline.engine.store import _tables as tables_for_scripts
from tests.engine.workshop import MakeWorkshop, Workshop, nothing

ENGINE: Final = (resources.files("pipeline.engine") / "scripts" / "engine.lua").read_text("utf-8")

MOVE: Final = """
local run = load(ask.run)
if ask.what == 'run' then
  run.state = ask.from
  move_run(run, ask.to, 'a test')
else
  run.stages.only.state = ask.from
  move_stage(run, 'only', ask.to, {})
end
for _, command in ipairs(run.writes) do redis.call(unpack(command)) end
return ask.what == 'run' and run.state or run.stages.only.state
"""
"""Both setters as they are; `save` would at once move the run to where its stages say that it stands."""

RUN_MOVES: Final = [(a, b) for a, b in product(RunState, repeat=2) if a is not b]
STAGE_MOVES: Final = list(product(StageState, repeat=2))


async def move(redis: Redis, run_id: str, what: str, start: str, to: str) -> str:
    """Put a run or its stage into a state, and move it on from there."""
    script = f"{tables_for_scripts()}\n{ENGINE}\n{MOVE}"
    ask = {"prefix": "onceover:", "clock_offset_ms": 0, "by": "test", "retention_ms": 1000, "run": run_id}
    moved = await redis.eval(script, 0, json.dumps(ask | {"what": what, "from": start, "to": to}))  # type: ignore[misc]  # redis-py types both clients in one.
    return str(moved.decode())


async def stored(redis: Redis, run_id: str) -> tuple[dict[bytes, bytes], int]:
    """Read all that a move could have written."""
    record = await redis.hgetall(f"onceover:run:{run_id}")  # type: ignore[misc]  # Same.
    return record, await redis.xlen(f"onceover:run:{run_id}:journal")


@pytest.fixture
async def run_id(make_workshop: MakeWorkshop) -> str:
    workshop: Workshop = await make_workshop(StageSpec(name="only", run=nothing))
    return (await workshop.submit()).run_id


async def test_a_run_moves_as_its_table_says_and_in_no_other_way(redis: Redis, run_id: str) -> None:
    for start, to in RUN_MOVES:
        before = await stored(redis, run_id)

        if to in NEXT_RUN[start]:
            assert await move(redis, run_id, "run", start, to) == to
            await redis.delete(f"onceover:run:{run_id}:journal")
        else:
            with pytest.raises(ResponseError, match=f"ONCEOVER_ILLEGAL_MOVE run {run_id} from {start} to {to}"):
                await move(redis, run_id, "run", start, to)
            assert await stored(redis, run_id) == before


async def test_a_stage_moves_as_its_table_says_and_in_no_other_way(redis: Redis, run_id: str) -> None:
    for start, to in STAGE_MOVES:
        before = await stored(redis, run_id)

        if to in NEXT_STAGE[start]:
            assert await move(redis, run_id, "stage", start, to) == to
            await redis.delete(f"onceover:run:{run_id}:journal")
        else:
            with pytest.raises(
                ResponseError, match=f"ONCEOVER_ILLEGAL_MOVE stage only of run {run_id} from {start} to"
            ):
                await move(redis, run_id, "stage", start, to)
            assert await stored(redis, run_id) == before


async def test_a_move_to_where_a_run_stands_is_no_move(redis: Redis, run_id: str) -> None:
    before = await redis.xlen(f"onceover:run:{run_id}:journal")

    for state in RunState:
        assert await move(redis, run_id, "run", state, state) == state

    assert await redis.xlen(f"onceover:run:{run_id}:journal") == before


async def test_an_ended_run_stands_in_the_expiry_set_until_it_is_opened_again(redis: Redis, run_id: str) -> None:
    for ended in lifecycle.TERMINAL_RUN:
        await redis.delete(f"onceover:run:{run_id}:journal")
        await move(redis, run_id, "run", RunState.RUNNING, ended)
        assert await redis.zscore("onceover:expiry", run_id) is not None

        await redis.delete(f"onceover:run:{run_id}:journal")
        await move(redis, run_id, "run", ended, RunState.QUEUED)
        assert await redis.zscore("onceover:expiry", run_id) is None


@pytest.mark.parametrize(("states", "table"), [(RunState, NEXT_RUN), (StageState, NEXT_STAGE)])
def test_a_table_names_every_state_and_every_state_can_be_reached(
    states: type[RunState] | type[StageState], table: dict[str, frozenset[str]]
) -> None:
    edge: set[str] = {next(iter(states))}
    reached = set(edge)
    while edge:
        edge = {after for state in edge for after in table[state]} - reached
        reached |= edge

    assert set(table) == set(states)
    assert reached == set(states)


@pytest.mark.parametrize("states", [RunState, StageState])
def test_every_state_has_its_meaning_beside_it(states: type[RunState] | type[StageState]) -> None:
    lines = [line for line in inspect.getsource(states).splitlines() if " = " in line]

    assert len(lines) == len(states)
    assert all(line.partition("  # ")[2].endswith(".") for line in lines)


def test_terminal_states_are_those_that_only_a_new_wish_leaves() -> None:
    assert {state for state in RunState if NEXT_RUN[state] == {RunState.QUEUED}} == lifecycle.TERMINAL_RUN
    assert {state for state in StageState if NEXT_STAGE[state] == {StageState.PENDING}} == lifecycle.TERMINAL_STAGE
    assert all(state.is_terminal == (state in lifecycle.TERMINAL_RUN) for state in RunState)
    assert all(state.is_terminal == (state in lifecycle.TERMINAL_STAGE) for state in StageState)
