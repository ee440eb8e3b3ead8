"""The main job, as a user does it: one command, a repository, five stages, and an exit code to rely on."""

import json

import jsonschema  # type: ignore[import-untyped]  # It ships no types, and its stubs are not among our dependencies.

from bot.review_json import SCHEMA_FILE
from tests.bot.command_world import CommandWorld

STAGES = ["analyze", "test", "docs", "summarize", "comment"]

BUG = {
    "path": "prices.txt",
    "line": 1,
    "line_end": 1,
    "severity": "high",
    "category": "bug",
    "title": "Apples are too cheap",
    "claim": "They cost three since Monday.",
    "confidence": 0.9,
    "suggestion": None,
}


async def test_five_stages_make_one_review_and_the_same_command_answers_from_their_checkpoints(
    world: CommandWorld,
) -> None:
    world.make_repository()
    async with world.model() as llm:
        first = await world.review("--json")
        calls = len(llm.calls)
        second = await world.review("--json")
        page = await world.review()
        asked = len(llm.calls)
        fresh = await world.review("--json", "--fresh")

    jsonschema.validate(first.review, json.loads(SCHEMA_FILE.read_text()))
    assert (first.code, second.code, page.code, fresh.code) == (0, 0, 0, 0)
    assert [(stage["name"], stage["state"]) for stage in first.review["stages"]] == [(name, "done") for name in STAGES]
    assert first.review["verdict"] == "clean"
    assert not first.review["from_checkpoints"]
    assert second.review == {**first.review, "from_checkpoints": True}
    assert "answered from the checkpoints" in second.news
    assert page.out == first.review["comment_markdown"]
    assert asked == calls == 2
    assert [call.prompt for call in llm.calls[2:]] == [call.prompt for call in llm.calls[:2]]
    assert fresh.review["spend"] == first.review["spend"]
    assert not fresh.review["from_checkpoints"]
