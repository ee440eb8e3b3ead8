"""The main job, as a user does it: one command, a repository, five stages, and an exit code to rely on."""

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # It ships no types, and its stubs are not among our dependencies.

from bot.demo.scripted_llm import Rule
from bot.review_json import SCHEMA_FILE
from tests.bot.command_world import DOUBTS, WORDS, CommandWorld, Ended
from tests.builders.repository import RepositoryBuilder, submodule

STAGES = ["analyze", "test", "docs", "summarize", "comment"]

FINDING = {
    "path": "prices.txt",
    "line": 1,
    "line_end": 1,
    "severity": "high",
    "category": "bug",
    "title": "Apples are too cheap",
    "claim": "They cost three since Monday.",
    "evidence": "Apples cost two.",
    "confidence": 0.9,
    "suggestion": None,
}


async def test_five_stages_make_one_review_that_the_same_command_answers_from_checkpoints(world: CommandWorld) -> None:
    world.make_repository()
    async with world.model() as llm:
        first = await world.review("--json")
        second = await world.review("--json")
        page = await world.review()
        calls = list(llm.calls)
        fresh = await world.review("--json", "--fresh", "--quiet")

    jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text())).validate(first.review)
    assert [ended.code for ended in (first, second, page, fresh)] == [0, 0, 0, 0]
    assert [(stage["name"], stage["state"]) for stage in first.review["stages"]] == [(name, "done") for name in STAGES]
    assert first.review["verdict"] == "clean"
    assert not first.review["from_checkpoints"]
    assert second.review == {**first.review, "from_checkpoints": True}
    assert "answered from the checkpoints" in second.news
    assert page.out == first.review["comment_markdown"]
    assert [call.prompt for call in llm.calls] == [call.prompt for call in calls] * 2
    assert len(calls) == 1
    assert not fresh.review["from_checkpoints"]
    assert fresh.news == ""


async def test_only_what_a_new_option_bears_on_is_done_again_and_the_exit_code_follows_the_verdict(
    world: CommandWorld,
) -> None:
    world.make_repository()
    async with world.model(WORDS, DOUBTS, Rule(answer={"walkthrough": "It sells.", "findings": [FINDING]})) as llm:
        high = await world.review("--json")
        lenient = await world.review("--fail-on", "critical")
        failing = await world.review("--fail-on", "never", "--test-command", "sh -c 'echo no apples; exit 3'")
        asked = [call.rule for call in llm.calls]

    assert [finding["title"] for finding in high.review["findings"]] == ["Apples are too cheap"]
    assert (high.code, lenient.code, failing.code) == (1, 0, 1)
    assert "still to do: summarize and comment." in lenient.news
    assert "still to do: test, summarize and comment." in failing.news
    assert "no apples" in failing.out
    assert asked == [2, 1], "The files were read once, what was found twice, and one account needs no question."


async def test_tests_that_were_asked_for_and_do_not_finish_are_no_success(world: CommandWorld) -> None:
    world.make_repository()
    passing = await world.review("--test-command", "true")
    misspelt = await world.review("--test-command", "no-such-program --all")
    world.settings["ONCEOVER_TEST_SECONDS_MAX"] = "1"
    endless = await world.review("--test-command", "sleep 300")

    assert passing.code == 0
    assert misspelt.code == 4
    assert "`no-such-program --all` could not be started: it is not on PATH" in misspelt.out
    assert endless.code == 4
    assert "`sleep 300` was stopped at its limit of 1 s." in endless.out


async def test_an_empty_difference_is_done_and_says_so(world: CommandWorld) -> None:
    world.make_repository()

    ended = await world.review("--head", "main")

    assert ended.code == 0
    assert "There is nothing to review: `main` changes nothing against `main`." in ended.out
    assert "--base" in ended.out


async def test_a_repository_is_found_from_wherever_one_stands(world: CommandWorld) -> None:
    """From a directory within, a path that climbs, a work tree, a bare clone, and off any branch."""
    repository = world.make_repository({"src/shop.txt": "open\n", "lib": submodule("1" * 40)})
    head = repository.git("rev-parse", "HEAD")
    tree, bare = world.place / "tree", RepositoryBuilder(path=world.place / "bare.git", is_checked_out=False)
    repository.git("worktree", "add", "-q", "--detach", str(tree), "feature")
    bare.git("fetch", "-q", str(repository.path), "main:main", "feature:feature")

    async def review(cwd: Path, *options: str) -> Ended:
        return await world.run("review", "--json", "--base", "main", *options, cwd=cwd)

    within = await review(repository.path / "src")
    climbing = await review(world.place, "--repo", "shop/src/..")
    detached = await review(tree, "--fail-on", "never")
    cloned = await review(bare.path, "--head", "feature")

    reviews = [ended.review for ended in (within, climbing, detached, cloned)]
    assert [one["head"] for one in reviews] == [head] * 4
    assert [one["from_checkpoints"] for one in reviews] == [False, True, False, False]
    assert [one["run_id"] == reviews[0]["run_id"] for one in reviews] == [True, True, False, False]
    assert "lib" in reviews[0]["comment_markdown"]
