"""Notes on models are shared through Redis, and a Redis that is away costs no answer."""

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.demo.scripted_llm import ScriptedLlm
from bot.model_notes import NOTE_SECONDS_MAX, RedisNotes
from tests.services.test_llm_probe import QUESTION, READ, SCHEMA, client, scripted

NAME = "http://localhost:8080/v1#first"


async def test_a_note_is_read_by_another_process_until_it_expires(redis: Redis) -> None:
    await RedisNotes(redis, "t:").remember(NAME, "first")
    await RedisNotes(redis, "t:").remember(NAME, "second")

    assert await RedisNotes(redis, "t:").recall(NAME) == "second"
    assert await RedisNotes(redis, "t:").recall("another") is None
    [key] = [key async for key in redis.scan_iter("t:*")]
    assert 0 < await redis.ttl(key) <= NOTE_SECONDS_MAX
    assert "localhost" not in str(key)


async def test_a_redis_that_is_away_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with Redis(unix_socket_path=str(tmp_path / "nobody.sock")) as away:
        notes = RedisNotes(away, "t:")
        await notes.remember(NAME, "lost")

        assert await notes.recall(NAME) is None

    assert "model_notes.unread" in caplog.text
    assert "lost" not in caplog.text


async def test_two_workers_that_begin_at_once_probe_once_each_and_nobody_after_them(redis: Redis) -> None:
    async def ask(llm: ScriptedLlm) -> None:
        async with client(llm, notes=RedisNotes(redis, "t:")) as model:
            await model.ask(QUESTION, schema=SCHEMA, tools=[READ])

    async with scripted() as llm:
        await asyncio.gather(ask(llm), ask(llm))
        at_once = len(llm.probes)
        await ask(llm)

        assert at_once <= 2 * 2, "each: one for the form, one for the tools"
        assert len(llm.probes) == at_once
