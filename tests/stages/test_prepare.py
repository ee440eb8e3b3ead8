"""Prepare: what is to be reviewed, by which rules, or why not at all."""

from collections.abc import Mapping
from typing import Any

import pytest

from bot.demo.simulated_github.faults import Fault
from bot.demo.simulated_github.repositories import Pull
from pipeline.engine.errors import OnceoverError
from pipeline.engine.stage import JsonValue
from pipeline.review.configuration.ceilings import Ceilings
from pipeline.review.configuration.model import Configuration
from pipeline.review.plan import Plan
from pipeline.services.github.errors import Gone, NotYet
from pipeline.services.pull_request import ASKED_NOTE
from pipeline.stages.prepare import HEAD_LOOKS, MOVED_ON, NOT_WRITERS, Operator, make_prepare
from tests.builders.context import MemoryContext
from tests.stages.github_world import CONFIGURATION, GitHubWorld


def five_params(configuration: Configuration) -> Mapping[str, JsonValue]:
    """Write what the five stages would read."""
    return {"findings_max": configuration.review.findings_max}


class Notes:
    """What people said. Implements the stage's `Notes`."""

    def __init__(self, world: GitHubWorld) -> None:
        self._world = world

    async def notes(self, subject: str) -> Mapping[str, JsonValue]:
        """Read it."""
        return await self._world.said(subject)


def context(github: GitHubWorld, pull: Pull, **params: JsonValue) -> MemoryContext:
    return MemoryContext(params=github.params(pull, **params))


async def prepare(github: GitHubWorld, ctx: MemoryContext) -> Plan:
    stage = make_prepare(
        github=lambda _run: github.client,
        notes=Notes(github),
        operator=Operator(ceilings=Ceilings(findings_max=50), params=five_params),
    )
    return Plan.model_validate(await stage(ctx))


def asked_by(why: str) -> dict[str, Any]:
    return {"trigger": {"by": "alice", "why": why}}


async def until_done(github: GitHubWorld, ctx: MemoryContext) -> tuple[Plan, int]:
    """Try as the engine does; answer the plan and the number of the try."""
    while True:
        try:
            return await prepare(github, ctx), ctx.attempt
        except NotYet:
            ctx = ctx.next_attempt()


async def test_a_pull_request_becomes_a_plan_with_where_its_head_left_the_base(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    left_at = github.repository.git.sha("main")
    await github.push("main", {"later.txt": "later\n"})

    plan = await prepare(github, context(github, pull))

    assert plan.not_wanted is None
    assert (plan.number, plan.head, plan.merge_base) == (1, pull.head_sha, left_at)
    assert (plan.title, plan.author, plan.head_ref, plan.base_ref) == ("A change", "alice", "feature", "main")
    assert plan.params == {"findings_max": 50}
    assert plan.html_url.endswith("/acme/shop/pull/1")


async def test_a_pull_request_that_github_does_not_show_yet_is_looked_for_again(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    github.github.faults.add(Fault(kind="refuse", path="/pulls/1$", status=404, body='{"message": "Not Found"}'))

    plan, attempt = await until_done(github, context(github, pull))

    assert (plan.not_wanted, attempt) == (None, 2)


async def test_the_head_before_is_taken_for_a_late_answer_and_looked_at_again(github: GitHubWorld) -> None:
    """What a try has seen must not be what the next one remembers."""
    pull = await github.open_pull()
    await github.push("feature", {"more.py": "PEAR = 3\n"})
    github.github.faults.add(Fault(kind="old_head", path="/pulls/1$", times=2))

    plan, attempt = await until_done(github, context(github, pull))

    assert (plan.not_wanted, plan.head, attempt) == (None, pull.head_sha, 3)


async def test_a_head_that_was_left_for_good_is_not_wanted_and_costs_nothing_more(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    ctx = context(github, pull)
    await github.push("feature", {"more.py": "PEAR = 3\n"})

    plan, attempt = await until_done(github, ctx)

    assert (plan.not_wanted, attempt) == (MOVED_ON, HEAD_LOOKS)
    assert [one.path for one in github.github.requests] == ["/repos/acme/shop/pulls/1"] * HEAD_LOOKS


async def test_a_configuration_with_mistakes_counts_as_absent_and_its_mistakes_are_told(github: GitHubWorld) -> None:
    await github.configure("review:\n  findings: 3\n")

    plan = await prepare(github, context(github, await github.open_pull()))

    [problem] = plan.problems
    assert (problem.source, problem.line) == ("acme/shop/.github/onceover.yml", 2)
    assert plan.not_wanted is None


async def test_bytes_that_are_no_text_are_a_mistake_and_no_failure(github: GitHubWorld) -> None:
    await github.push("main", {CONFIGURATION: b"\xff\xfe\x00stages:\x80"})

    plan = await prepare(github, context(github, await github.open_pull()))

    assert len(plan.problems) == 1


async def test_what_a_pull_request_itself_configures_is_not_read(github: GitHubWorld) -> None:
    """Security cases 26 and 27: also one of the repository's own branch, by somebody who may write."""
    pull = await github.open_pull(files={CONFIGURATION: "paused: true\n"})

    plan = await prepare(github, context(github, pull))

    assert plan.not_wanted is None


async def test_stages_that_the_configuration_turns_off_are_off_with_their_reason(github: GitHubWorld) -> None:
    await github.configure("stages:\n  docs: false\n  test: false\n")

    plan = await prepare(github, context(github, await github.open_pull()))

    assert plan.not_wanted is None
    assert plan.off == {
        "test": "turned off by the configuration (`stages.test`)",
        "docs": "turned off by the configuration (`stages.docs`)",
    }


async def test_the_organisations_file_holds_below_the_repositorys(github: GitHubWorld) -> None:
    above = github.github.add_repository("acme/.github")
    text = "stages:\n  docs: false\n  test: false\n"
    await github.github.push(above, "main", {CONFIGURATION: text}, user="alice", lost=True)
    await github.configure("stages:\n  test: true\n")

    plan = await prepare(github, context(github, await github.open_pull()))

    assert set(plan.off) == {"docs"}


@pytest.mark.parametrize("status", [403, 404])
async def test_an_organisations_file_that_is_not_shown_to_us_counts_as_absent(github: GitHubWorld, status: int) -> None:
    github.github.faults.add(Fault(kind="refuse", path="/repos/acme/.github/", status=status, body="{}", times=None))
    pull = await github.open_pull()
    ctx = context(github, pull)

    plan, _ = await until_done(github, ctx)

    assert (plan.not_wanted, plan.off) == (None, {})


async def test_paths_are_read_only_where_a_filter_asks_and_decide(github: GitHubWorld) -> None:
    pull = await github.open_pull(files={"notes.md": "# Notes\n"})
    unfiltered = await prepare(github, context(github, pull))
    without = [one.path for one in github.github.requests]
    await github.configure("filters:\n  ignore: ['*.md']\n")

    plan = await prepare(github, context(github, pull))

    assert unfiltered.not_wanted is None
    assert "/repos/acme/shop/pulls/1/files" not in without
    assert "every path that it changes is ignored" in str(plan.not_wanted)
    assert plan.merge_base == ""


async def test_a_draft_is_left_until_somebody_asks(github: GitHubWorld) -> None:
    pull = await github.open_pull(draft=True)

    by_itself = await prepare(github, context(github, pull))
    asked = await prepare(github, context(github, pull, **asked_by("command")))

    assert "a draft" in str(by_itself.not_wanted)
    assert asked.not_wanted is None


async def test_what_was_asked_for_is_not_taken_back_by_a_later_event_of_the_same_head(github: GitHubWorld) -> None:
    pull = await github.open_pull(draft=True)
    github.notes[ASKED_NOTE] = pull.head_sha

    labelled = await prepare(github, context(github, pull, **asked_by("pull_request.labeled")))
    await github.github.push_to_pull(pull, {"more.py": "PEAR = 3\n"}, lost=True)
    pushed = await prepare(github, context(github, pull, **asked_by("pull_request.synchronize")))

    assert labelled.not_wanted is None
    assert "a draft" in str(pushed.not_wanted)


@pytest.mark.parametrize("trigger", ["pull_request.opened", "command"])
async def test_a_pause_holds_for_everybody_and_names_who_paused(github: GitHubWorld, trigger: str) -> None:
    github.notes["paused"] = "alice"

    plan = await prepare(github, context(github, await github.open_pull(), **asked_by(trigger)))

    assert plan.not_wanted == "alice paused its reviews; `/onceover resume` goes on"


async def test_a_strangers_fork_spends_no_key_before_a_maintainer_asks(github: GitHubWorld) -> None:
    pull = await github.open_fork_pull()

    by_itself = await prepare(github, context(github, pull))
    asked = await prepare(github, context(github, pull, **asked_by("command")))

    assert (by_itself.not_wanted, by_itself.is_fork) == (NOT_WRITERS, True)
    assert (asked.not_wanted, asked.is_fork) == (None, True)


async def test_a_fork_of_somebody_who_may_write_is_reviewed_by_itself(github: GitHubWorld) -> None:
    github.github.set_permission(github.repository, "mallory", "write")

    plan = await prepare(github, context(github, await github.open_fork_pull()))

    assert plan.not_wanted is None


async def test_a_fork_that_was_deleted_is_still_a_fork(github: GitHubWorld) -> None:
    pull = await github.open_fork_pull()
    assert pull.head_repository
    github.github.delete_repository(pull.head_repository)

    plan = await prepare(github, context(github, pull))

    assert (plan.not_wanted, plan.is_fork) == (NOT_WRITERS, True)


@pytest.mark.parametrize("status", [500, 403])
async def test_nobody_is_taken_for_a_writer_while_github_does_not_say_so(github: GitHubWorld, status: int) -> None:
    pull = await github.open_fork_pull()
    github.github.faults.add(Fault(kind="refuse", path="/permission$", status=status, body="{}", times=None))

    with pytest.raises(OnceoverError):
        await prepare(github, context(github, pull))


async def test_a_closed_pull_request_is_not_wanted(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    await github.github.close_pull(pull, lost=True)

    plan = await prepare(github, context(github, pull, **asked_by("command")))

    assert "closed" in str(plan.not_wanted)


async def test_text_of_strangers_stands_in_the_plan_without_what_is_invisible(github: GitHubWorld) -> None:
    await github.push("feature", {"a.py": "A = 1\n"})
    title = "Fix\u202e\n# me"
    pull = await github.github.open_pull(github.repository, "feature", title=title, lost=True)

    plan = await prepare(github, context(github, pull))

    assert plan.title.isprintable()


async def test_histories_that_have_nothing_in_common_are_told_and_not_waited_for(github: GitHubWorld) -> None:
    words = '{"message": "No common ancestor between main and feature."}'
    github.github.faults.add(Fault(kind="refuse", path="/compare/", status=404, body=words, times=None))

    with pytest.raises(Gone, match="No common ancestor"):
        await prepare(github, context(github, await github.open_pull()))


async def test_a_second_try_looks_at_nothing_twice(github: GitHubWorld) -> None:
    ctx = context(github, await github.open_pull())
    first = await prepare(github, ctx)
    asked = len(github.github.requests)

    again = await prepare(github, ctx.next_attempt())

    assert (again, len(github.github.requests)) == (first, asked)
