"""Kills: real workers, killed -9 again and again in the middle of many runs.

Time is real here, because the processes' is; nothing is asserted about how long anything takes. A killed worker is
replaced at once on the same host, so its successor takes back its runs without waiting for a lease.
"""

import asyncio
import os
import random
from pathlib import Path

from redis.asyncio import Redis

from pipeline.engine.lifecycle import RunState
from tests.engine.invariants import Shadow
from tests.engine.yard import Yard

KILLS = int(os.environ.get("ONCEOVER_TEST_KILLS", "200"))
WORKERS = 2
RUNS_IN_FLIGHT = 12
STEP_SECONDS = 0.02
LIFE_SECONDS_MAX = 0.2
"""Workers live for up to so long: starting takes about 0.03 s, a run alone 0.12 s."""


async def test_runs_survive_kill_9_of_their_workers_at_random_moments(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    seed = int(os.environ.get("ONCEOVER_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
    print(f"ONCEOVER_TEST_SEED={seed}")  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    submitted = 0
    async with Yard(redis, redis_url, tmp_path / "ledger") as yard:
        for _ in range(WORKERS):
            await yard.start_worker()
        for _ in range(KILLS):
            while await yard.in_flight() < RUNS_IN_FLIGHT:
                submitted += 1
                await yard.submit(f"head-{submitted}", step_seconds=STEP_SECONDS)
            await asyncio.sleep(chance.uniform(0, LIFE_SECONDS_MAX / WORKERS))
            await yard.kill(chance.choice(yard.workers))
            await yard.start_worker()
        await yard.until_ended()
        for worker in list(yard.workers):
            await yard.kill(worker)

        runs = await yard.world.store.list_runs(10_000)
        interrupted = [
            entry.detail
            for run in runs
            for entry in await yard.world.store.journal(run.run_id)
            if entry.detail.get("why") == "interrupted"
        ]
        lines = yard.ledger
        assert {run.state for run in runs} == {RunState.DONE}
        assert len(runs) == submitted
        assert await yard.repeated_steps() == []
        assert len({line.pid for line in lines}) > KILLS / 4, "Most workers came to work before they were killed."
        assert len(interrupted) > KILLS / 4, "Kills hit work under way."
        await Shadow().check(yard.world)
