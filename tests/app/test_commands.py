"""Commands and buttons: who may, what they do, and that each is done once."""

import re
from typing import Final

from bot.app_credentials import ALL_ROLES, Role
from bot.demo.simulated_github.conversation import IssueComment
from bot.demo.simulated_github.faults import Fault
from bot.demo.simulated_github.leftovers import Left, check_runs, own_comments
from tests.app.world import BUG, CONFIGURATION, AppWorld

REMARKS: Final = "review:\n  analyzers: [ruff]\n"


def reactions(world: AppWorld, comment: IssueComment) -> list[str]:
    return [one.content for one in comment.reactions if one.author is world.github.app.bot]


async def test_a_command_of_somebody_without_the_right_changes_nothing(world: AppWorld) -> None:
    async with world.process():
        pull = await world.open_plain_pull()
        await world.until_quiet(pull)
        before = world.summary(pull)

        said = await world.github.comment(pull, "mallory", "/onceover rerun all --fresh")
        await world.until_quiet(pull)

    assert reactions(world, said) == ["-1"]
    assert world.summary(pull) == before
    world.github.leftovers({pull: Left(comments=1, check_runs=1)})


async def test_a_stranger_with_a_fork_waits_for_a_maintainer(world: AppWorld) -> None:
    async with world.process():
        repository = await world.make_repository(files={CONFIGURATION: "review:\n  analyzers: []\n"})
        fork = world.github.add_fork(repository, "mallory")
        await world.github.push(fork, "feature", {"shop.py": BUG}, user="mallory")
        pull = await world.github.open_pull(repository, "feature", author="mallory", fork=fork)
        await world.until_quiet(pull)
        assert own_comments(pull, world.github.app) == []
        [waiting] = check_runs(pull, world.github.app)
        assert waiting.conclusion != "success"
        assert "`/onceover review`" in (waiting.summary or "")

        refused = await world.github.comment(pull, "mallory", "/onceover review")
        await world.until_quiet(pull)
        assert own_comments(pull, world.github.app) == []
        said = await world.github.comment(pull, "acme", "/onceover review")
        await world.until_quiet(pull)

    assert (reactions(world, refused), reactions(world, said)) == (["-1"], ["rocket"])
    world.github.leftovers({pull: Left(comments=1, check_runs=1)})
    assert pull.head_sha[:12] in world.summary(pull)


async def test_a_rerun_of_the_tests_repeats_what_builds_on_them_and_nothing_else(world: AppWorld) -> None:
    async with world.process() as process:
        pull = await world.open_plain_pull()
        await world.until_quiet(pull)
        run = await world.run_of(process, pull)
        seen = run.journal_length

        await world.github.comment(pull, "acme", "/onceover rerun test")
        await world.until_quiet(pull)
        entries = await process.opened.store.journal(run.run_id, after=seen)
        again = await world.run_of(process, pull)

    started = [str(one.detail["stage"]) for one in entries if one.kind == "stage.running"]
    assert list(dict.fromkeys(started)) == ["test", "summarize", "comment"], "A stage that waited is entered again."
    assert again.run_id == run.run_id
    world.github.leftovers({pull: Left(comments=1, check_runs=1)})
    [check] = check_runs(pull, world.github.app)
    assert "| test | done | 1 (re-run 1) |" in (check.summary or "")
    assert f"Run `{run.run_id}`, re-run 1" in world.summary(pull)


async def test_commands_during_a_run_are_neither_lost_nor_doubled(world: AppWorld) -> None:
    async with world.process():
        held = world.github.faults.add(Fault(kind="hang", method="GET", path="/compare/"))
        pull = await world.open_plain_pull()
        await held.reached()

        said = [
            await world.github.comment(pull, "acme", f"/onceover {verb}") for verb in ("status", "rerun all", "help")
        ]
        await world.until(lambda: all(reactions(world, one) for one in said), "reactions", pull)
        held.release()
        await world.until_quiet(pull)

    assert [len(reactions(world, one)) for one in said] == [1, 1, 1]
    world.github.leftovers({pull: Left(comments=3, check_runs=1)})


async def test_a_dismissed_finding_is_told_no_more_and_fails_no_check(world: AppWorld) -> None:
    async with world.process():
        repository = await world.make_repository(files={CONFIGURATION: f"{REMARKS}  fail_on: info\n"})
        pull = await world.open_pull(repository)
        await world.until_quiet(pull)
        [before] = [check.conclusion for check in check_runs(pull, world.github.app)]
        found = list(dict.fromkeys(re.findall(r"Id `([0-9a-f]{7})`", world.summary(pull))))
        assert found

        said = [await world.github.comment(pull, "acme", f"/onceover dismiss {one} Meant so, @acme.") for one in found]
        await world.until_quiet(pull)

    summary, *answers = own_comments(pull, world.github.app)
    [after] = [check.conclusion for check in check_runs(pull, world.github.app)]
    assert [reactions(world, one) for one in said] == [["+1"]] * len(found)
    assert f"<summary>Dismissed ({len(found)})</summary>" in summary.body
    assert "dismissed by `@acme`: Meant so, `@acme`." in summary.body
    assert (before, after) == ("failure", "success")
    assert all("is dismissed" in answer.body for answer in answers)
    world.github.leftovers({pull: Left(comments=1 + len(found), reviews=1, check_runs=1)})


async def test_a_finding_is_explained_from_what_its_run_recorded(world: AppWorld) -> None:
    async with world.process():
        repository = await world.make_repository(files={CONFIGURATION: REMARKS})
        pull = await world.open_pull(repository)
        await world.until_quiet(pull)
        [found, *_] = re.findall(r"Id `([0-9a-f]{7})`", world.summary(pull))

        await world.github.comment(pull, "acme", f"/onceover explain {found}")
        await world.until_quiet(pull)

    _, answer = own_comments(pull, world.github.app)
    assert "**How it was found:** by `ruff" in answer.body
    assert "https://docs.astral.sh/ruff/rules/" in answer.body
    world.github.leftovers({pull: Left(comments=2, reviews=1, check_runs=1)})


async def test_a_paused_pull_request_is_not_reviewed_until_resumed(world: AppWorld) -> None:
    async with world.process():
        pull = await world.open_plain_pull()
        await world.until_quiet(pull)
        before = world.summary(pull)

        await world.github.comment(pull, "acme", "/onceover pause")
        await world.until_quiet(pull)
        await world.github.push_to_pull(pull, {"more.py": "MORE = 1\n"})
        await world.until_quiet(pull)
        assert world.summary(pull) == before
        assert world.checks(pull)[pull.head_sha] in {"neutral", "skipped"}
        await world.github.comment(pull, "acme", "/onceover resume")
        await world.until_quiet(pull)

    assert pull.head_sha[:12] in world.summary(pull)
    world.github.leftovers({pull: Left(comments=1, check_runs=2)})


async def test_a_mistake_in_the_configuration_is_shown_with_its_place(world: AppWorld) -> None:
    async with world.process():
        wrong = "review:\n  analyzers: []\n  findings_max: many\n"
        repository = await world.make_repository(files={CONFIGURATION: wrong})
        pull = await world.open_pull(repository)
        await world.until_quiet(pull)

    world.github.leftovers({pull: Left(comments=1, reviews=1, check_runs=1)})
    assert re.search(r"onceover\.yml.*(line 3|3:\d+)", world.summary(pull)), world.summary(pull)


async def test_a_draft_is_skipped_once_and_reviewed_when_it_is_ready(world: AppWorld) -> None:
    async with world.process():
        repository = await world.make_repository(files={CONFIGURATION: "review:\n  analyzers: []\n"})
        await world.github.push(repository, "feature", {"shop.py": BUG}, user="alice")
        pull = await world.github.open_pull(repository, "feature", author="alice", draft=True)
        await world.until_quiet(pull)
        skipped = world.checks(pull)
        assert own_comments(pull, world.github.app) == []

        await world.github.mark_ready(pull)
        await world.until_quiet(pull)

    assert list(skipped.values()) in (["neutral"], ["skipped"])
    world.github.leftovers({pull: Left(comments=1, check_runs=1)})
    assert pull.head_sha[:12] in world.summary(pull)


async def test_a_button_of_the_check_run_does_what_a_command_does(world: AppWorld) -> None:
    async with world.process() as process:
        pull = await world.open_plain_pull()
        await world.until_quiet(pull)
        run = await world.run_of(process, pull)
        [check] = check_runs(pull, world.github.app)

        await world.github.press_button(check, "rerun-all", "acme")
        await world.until_quiet(pull)
        entries = await process.opened.store.journal(run.run_id, after=run.journal_length)

    started = {str(one.detail["stage"]) for one in entries if one.kind == "stage.running"}
    assert started == {"prepare", "analyze", "test", "docs", "summarize", "comment"}
    world.github.leftovers({pull: Left(comments=1, check_runs=1)})


async def test_a_button_pressed_by_somebody_without_the_right_does_nothing(world: AppWorld) -> None:
    async with world.process() as process:
        pull = await world.open_plain_pull()
        await world.until_quiet(pull)
        run = await world.run_of(process, pull)
        [check] = check_runs(pull, world.github.app)

        await world.github.press_button(check, "fresh", "mallory")
        await world.until_quiet(pull)
        again = await world.run_of(process, pull)

    assert again.journal_length == run.journal_length
    world.github.leftovers({pull: Left(comments=1, check_runs=1)})


async def test_a_cancelled_review_is_concluded_and_says_nothing(world: AppWorld) -> None:
    async with world.process(ALL_ROLES - {Role.REVIEWER}):
        pull = await world.open_plain_pull()
        await world.until(lambda: bool(check_runs(pull, world.github.app)), "a check run", pull)

        await world.github.comment(pull, "acme", "/onceover cancel")
        await world.until_quiet(pull)

    world.github.leftovers({pull: Left(check_runs=1)})
    assert "success" not in world.checks(pull).values()
