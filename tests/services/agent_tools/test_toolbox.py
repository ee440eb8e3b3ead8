"""Toolbox: whatever a model calls, a short text comes back; calls are counted, and none is made twice."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import jsonschema  # type: ignore[import-untyped]  # It ships no types, and its stubs are not among our dependencies.
import pytest

from pipeline.engine.errors import Bug
from pipeline.services.agent_tools.result import Outcome, ToolResult
from pipeline.services.agent_tools.toolbox import Request, Toolbox, ToolCall, make_tools
from tests.services.agent_tools.desk import SCREEN, Desk, DeskMaker


@pytest.fixture
async def desk(make_desk: DeskMaker) -> Desk:
    return await make_desk({"a.py": "x = 1\n", "b.py": "x\n"})


async def test_case_77_an_unknown_tool_is_refused_with_the_list_of_those_there_are(desk: Desk) -> None:
    result = await desk.toolbox.call("bash", '{"command": "env"}')

    assert result.outcome is Outcome.REFUSED
    assert result.text == (
        "There is no such tool. There are: "
        "read_file, list_files, search, find_definition, find_references, line_history."
    )


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "{}",
        "null",
        "[]",
        "{",
        '{"path": 3}',
        '{"path": "a.py", "line_start": "x"}',
        '{"path": "a.py", "line_start": 0}',
        '{"path": "a.py", "shell": "env"}',
        '{"path": "\\ud800"}',
        '{"path": "\ud800"}',
        '{"path": NaN}',
        "[" * 100_000,
        '{"path": ' + "[" * 3_000,
        '{"path": "' + "a" * 3_000 + '"}',
    ],
)
async def test_case_77_wrong_arguments_are_refused_in_a_sentence(desk: Desk, arguments: str) -> None:
    result = await desk.toolbox.call("read_file", arguments)

    assert result.outcome is Outcome.REFUSED
    assert len(result.text) < 600
    result.text.encode()


async def test_what_was_written_is_not_repeated_raw(desk: Desk) -> None:
    result = await desk.toolbox.call("read_file", json.dumps({"path": "a.py", "\x1b[31m\u202e" + "x" * 1_000: 1}))

    assert result.text.isprintable()
    assert len(result.text) < 300


async def test_case_42_the_same_call_is_not_made_again_and_is_counted(desk: Desk) -> None:
    toolbox = desk.toolbox
    first = await toolbox.call("read_file", '{"path": "a.py", "line_start": 1}')

    second = await toolbox.call("read_file", '{ "line_start":1, "line_end":null, "path":"a.py" }')
    third = await toolbox.call("read_file", '{"path": "a.py"}')
    other = await toolbox.call("read_file", '{"path": "b.py"}')

    assert [one.outcome for one in (first, second, third, other)] == ["answered", "repeated", "repeated", "answered"]
    assert third.text.startswith("You asked this already, 3 times now")
    assert third.times == 3
    assert toolbox.outcomes == {Outcome.ANSWERED: 2, Outcome.REPEATED: 2}
    assert toolbox.calls == 4


async def test_case_42_a_wrong_call_that_is_repeated_is_repeated_too(desk: Desk) -> None:
    toolbox = desk.toolbox
    await toolbox.call("nope", "{")

    assert (await toolbox.call("nope", "{")).outcome is Outcome.REPEATED


async def test_case_77_calls_beyond_the_limits_of_turn_and_conversation_are_not_made(desk: Desk) -> None:
    toolbox = desk.limited(calls_per_turn_max=2, calls_max=4).toolbox
    calls = [ToolCall(name="search", arguments=json.dumps({"pattern": f"x{number}"})) for number in range(200)]

    turn = await toolbox.call_all(calls)
    late = await toolbox.call("read_file", '{"path": "a.py"}')

    assert [one.outcome for one in turn] == ["answered"] * 2 + ["over_limit"] * 198
    assert late.outcome is Outcome.OVER_LIMIT
    assert "Answer with what you know" in late.text


async def test_a_failure_of_git_is_a_sentence_that_names_no_place_of_this_host(desk: Desk) -> None:
    broken = replace(desk, git=replace(desk.git, command=desk.git.command.at(desk.git.git_dir / "gone")))

    result = await broken.ask("read_file", path="a.py")

    assert result.outcome is Outcome.FAILED
    assert result.text == "The tool could not answer (cannot_start). Go on without it."


async def test_a_call_that_takes_too_long_is_ended(desk: Desk) -> None:
    result = await desk.limited(call_seconds_max=0.0).ask("read_file", path="a.py")

    assert result.text == "The tool could not answer (it took too long). Go on without it."


async def test_a_commit_that_is_no_sha_is_a_bug_of_ours_and_not_hidden(desk: Desk) -> None:
    with pytest.raises(Bug):
        await replace(desk, commit="--upload-pack=x").ask("read_file", path="a.py")


async def test_a_call_can_be_a_step_named_by_its_request_and_kept_as_json(desk: Desk) -> None:
    """After a crash the conversation is gone through again: the same calls, answered from what was kept."""
    kept: dict[Request, str] = {}
    made: list[Request] = []

    async def step(request: Request, answer: Callable[[Request], Awaitable[ToolResult]]) -> ToolResult:
        if request not in kept:
            made.append(request)
            kept[request] = (await answer(request)).model_dump_json()
        return ToolResult.model_validate_json(kept[request])

    tools = make_tools(desk.git, desk.commit, SCREEN, desk.limits)
    before, after = (Toolbox(tools, desk.limits, durably=step) for _ in range(2))
    calls = [ToolCall(name="read_file", arguments=f'{{"path": "{path}"}}') for path in ("a.py", "a.py", "gone")]

    first, second = [await toolbox.call_all(calls) for toolbox in (before, after)]

    assert first == second
    assert before.outcomes == after.outcomes
    assert made == [
        Request(tool="read_file", arguments='{"line_end": null, "line_start": 1, "path": "a.py"}'),
        Request(tool="read_file", arguments='{"line_end": null, "line_start": 1, "path": "gone"}'),
    ]


async def test_every_schema_is_one_that_strict_servers_take(desk: Desk) -> None:
    for function in desk.toolbox.functions:
        described = function["function"]
        schema = described["parameters"]

        jsonschema.Draft202012Validator.check_schema(schema)
        assert described["strict"]
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])
        assert not {"default", "title", "maxLength", "minimum"} & set(str(schema).replace("'", " ").split())
        assert all("description" in field for field in schema["properties"].values())


async def test_nothing_in_the_repository_is_run(make_desk: DeskMaker) -> None:
    """Hooks, filters, pagers, textconv: a repository that is full of traps springs none of them (decision 6)."""
    desk = await make_desk({".gitattributes": "* diff=trap filter=trap\n", "a.py": "def x(): pass\nx()\n"})
    trace = desk.git.git_dir.parent / "trap.ran"
    program = desk.git.git_dir.parent / "trap"
    program.write_text(f"#!/bin/sh\ntouch {trace}\ncat\n")
    program.chmod(0o755)
    names = ("diff.trap.textconv", "filter.trap.smudge", "core.pager", "core.fsmonitor", "pager.grep", "diff.external")
    with (desk.git.git_dir / "config").open("a") as config:
        for name in names:
            section, _, key = name.rpartition(".")
            head, _, sub = section.partition(".")
            config.write(f"[{head}{f' {chr(34)}{sub}{chr(34)}' if sub else ''}]\n{key} = {program}\n")
    (desk.git.git_dir / "info").mkdir(exist_ok=True)

    await desk.read("read_file", path="a.py")
    await desk.read("list_files")
    await desk.read("search", pattern="x")
    await desk.read("find_definition", name="x")
    await desk.read("find_references", name="x")
    await desk.read("line_history", path="a.py", line=1)

    assert not trace.exists()
