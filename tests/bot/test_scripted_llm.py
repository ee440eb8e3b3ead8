"""The scripted model server keeps its own promises: the proofs of others stand on them."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import httpx2
import pytest
from pydantic import ValidationError

from bot.demo.scripted_llm import Rule, Script, ScriptedLlm

ASKED = {"model": "m", "messages": [{"role": "user", "content": "one two"}]}


async def post(url: str, asked: object = ASKED) -> httpx2.Response:
    async with httpx2.AsyncClient() as client:
        return await client.post(f"{url}/chat/completions", json=asked)


async def test_rules_are_tried_in_order_and_used_up() -> None:
    script = Script(rules=(Rule(match="two", times=1, text="first"), Rule(match="one", text="then")))

    async with ScriptedLlm(script) as llm:
        texts = [(await post(llm.url)).json()["choices"][0]["message"]["content"] for _ in range(3)]

    assert texts == ["first", "then", "then"]
    assert [call.rule for call in llm.calls] == [0, 1, 1]


@pytest.mark.parametrize("asked", [ASKED, {}, [], "text", {"messages": [1]}])
async def test_what_no_rule_fits_is_refused_loudly(asked: object) -> None:
    async with ScriptedLlm(Script()) as llm:
        answer = await post(llm.url, asked)

    assert answer.status_code == 400
    assert "error" in answer.json()


async def test_calls_wait_at_a_closed_gate_and_are_counted_there() -> None:
    async with ScriptedLlm(Script(rules=(Rule(gate="g", text="through"),))) as llm:
        call = asyncio.create_task(post(llm.url))
        await llm.wait_calls(1)
        assert not call.done()

        await llm.open_gate("g")

        assert (await call).status_code == 200


def test_a_misspelt_script_is_refused() -> None:
    with pytest.raises(ValidationError, match="mach"):
        Script.model_validate({"rules": [{"mach": "x"}]})


async def test_it_runs_as_its_own_process_and_tells_its_calls(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"rules": [{"gate": "g", "answer": {"ok": True}}]}))
    process = await start("--script", str(script))
    try:
        url = await listening(process)
        pages = url.removesuffix("/v1")
        async with httpx2.AsyncClient() as client:
            call = asyncio.create_task(post(url))
            counted = (await client.get(f"{pages}/__calls?wait_for=1")).json()
            await client.post(f"{pages}/__gates/g/open")
            answer = await call
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()

    assert counted["total"] == 1
    assert list(counted["by_prompt"].values()) == [1]
    assert answer.json()["choices"][0]["message"]["content"] == '{"ok": true}'


async def test_it_ends_with_whoever_started_it(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text("{}")
    process = await start("--script", str(script), "--until-stdin-ends")
    await listening(process)

    assert process.stdin is not None
    process.stdin.close()

    assert await process.wait() == 0


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.demo.scripted_llm",
        *arguments,
        env={"PATH": os.environ["PATH"]},
        cwd=Path(__file__).parents[2],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def listening(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode().split()
    assert line[:2] == ["listening", "on"]
    return line[2]
