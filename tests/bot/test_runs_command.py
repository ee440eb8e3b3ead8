"""What an operator asks of stored runs: which there are, what happened, do it again, stop it."""

import json

from bot.demo.scripted_llm import Rule
from tests.bot.command_world import NOTHING_TO_SAY, WORDS, CommandWorld


async def test_runs_are_listed_and_told_and_found_by_the_beginning_of_their_id(world: CommandWorld) -> None:
    head = world.make_repository().git("rev-parse", "HEAD")
    run_id = (await world.review("--json", "--test-command", "true")).review["run_id"]

    listed = await world.run("runs", "list", "--json")
    table = await world.run("runs", "list")
    story = await world.run("runs", "show", run_id[:6])
    told = await world.run("runs", "show", run_id, "--json")

    assert [ended.code for ended in (listed, table, story, told)] == [0, 0, 0, 0]
    [run] = json.loads(listed.out)
    assert (run["run_id"], run["state"], run["revision"]) == (run_id, "done", head)
    assert len(table.out.splitlines()) == 2, "A table in a pipe is not folded."
    assert f"{run_id}  done   5 of 5" in table.out
    assert "test finished step `run`" in story.out
    assert story.out.splitlines()[-1].endswith("the run is done")
    assert len(story.out.splitlines()) == 1 + len(json.loads(told.out)["journal"])
    assert run.items() <= json.loads(told.out).items()


async def test_without_a_run_the_lists_say_how_to_begin_one(world: CommandWorld) -> None:
    listed, audited = await world.run("runs", "list"), await world.run("audit", "verify")

    assert (listed.code, audited.code) == (0, 0)
    assert listed.out == "No runs yet. `onceover review` in a repository begins one.\n"
    assert audited.out == "No runs yet, so nothing to check.\n"


async def test_a_stage_is_opened_again_and_the_next_review_does_it(world: CommandWorld) -> None:
    world.make_repository()
    async with world.model() as llm:
        run_id = (await world.review("--json")).review["run_id"]
        refused = [
            await world.run("runs", "rerun", "r_0000\x1b[31m"),
            await world.run("runs", "rerun", run_id[:2]),
            await world.run("runs", "rerun", run_id, "tests"),
        ]
        nothing = await world.run("runs", "rerun", run_id)
        opened = await world.run("runs", "rerun", run_id, "docs", "--json")
        again = await world.review("--json")

    assert [ended.code for ended in refused] == [2, 2, 2]
    assert refused[0].news == "onceover: No run is called `r_0000`. `onceover runs list` shows them.\n"
    assert refused[1].news.startswith("onceover: No run is called `r_`.")
    assert "There is no stage `tests`. Name one of analyze, test, docs, summarize, comment" in refused[2].news
    assert nothing.code == 1
    assert f"`onceover runs rerun {run_id} all` does all of them" in nothing.out
    assert (opened.code, json.loads(opened.out)) == (0, {"run_id": run_id, "outcome": "reopened"})
    assert "going on with run" in again.news
    assert "docs done" in again.news
    assert "analyze" not in again.news
    assert len(llm.calls) == 1, "The files were not asked for again."


async def test_a_run_is_stopped_from_outside_and_the_same_review_later_goes_on(world: CommandWorld) -> None:
    world.make_repository()
    async with world.model(Rule(gate="held", times=1, answer={}), WORDS, NOTHING_TO_SAY) as llm:
        running = await world.start_review()
        run_id = (await running.says(r"\brun (r_\w+)"))[1]
        await llm.wait_calls(1)

        cancelled = await world.run("runs", "cancel", run_id)
        stopped = await running.end()
        twice = await world.run("runs", "cancel", run_id, "--json")
        done = await world.review("--json")

    assert (cancelled.code, cancelled.out) == (0, f"{run_id} is cancelled.\n")
    assert (twice.code, json.loads(twice.out)["outcome"]) == (1, "ended")
    assert stopped.code == 130
    assert f"run {run_id} was cancelled; the same command goes on with what is left." in stopped.news
    assert done.code == 0
    assert {stage["name"]: stage["attempts"] for stage in done.review["stages"]}["docs"] == 1
