"""Obey: what a comment or a button asks for is done by who may ask, once, and answered once."""

import json
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from bot.demo.simulated_github.conversation import IssueComment
from bot.demo.simulated_github.faults import Fault
from bot.demo.simulated_github.leftovers import own_comments
from bot.demo.simulated_github.repositories import Pull
from pipeline.engine.errors import OnceoverError
from pipeline.engine.lifecycle import RunState
from pipeline.engine.stage import JsonValue
from pipeline.review.configuration.ceilings import Ceilings
from pipeline.review.findings import Finding
from pipeline.review.pull.command import parse_command
from pipeline.services.pull_request import ASKED_NOTE
from pipeline.stages.obey import Servant, make_obey
from tests.builders.context import MemoryContext
from tests.builders.reports import a_finding
from tests.stages.engine_world import EngineWorld
from tests.stages.github_world import CONFIGURATION, GitHubWorld

NOW_MS = 1_800_000_000_000
FINDING = a_finding(title="The discount is lost")
OTHER_HEAD = "f" * 40


@dataclass(slots=True, kw_only=True)
class Bench:
    """A pull request, and who obeys."""

    github: GitHubWorld
    engine: EngineWorld
    pull: Pull

    @property
    def subject(self) -> str:
        """What its runs are about."""
        return f"github/github.test/{self.github.repository.id}/{self.pull.number}"

    async def write(self, text: str, user: str = "alice") -> tuple[IssueComment, MemoryContext]:
        """Let somebody write a command; give the context of the run that obeys it."""
        comment = await self.github.github.comment(self.pull, user, text, lost=True)
        command = parse_command(text)
        assert command
        account = self.github.github.world.account(user)
        written: dict[str, JsonValue] = {
            "verb": command.verb,
            "arguments": list(command.arguments),
            "fresh": command.fresh,
            "problem": command.problem,
        }
        params = self.github.params(
            self.pull,
            sender={"id": account.id, "login": user},
            command=written,
            answer_to={"kind": "issue_comment", "id": comment.id},
        )
        return comment, MemoryContext(params=params, run_id=f"r_{comment.id}")

    async def obey(self, ctx: MemoryContext) -> None:
        """Do one try."""
        servant = Servant(
            github=self.github.client,
            engine=self.engine.engine,
            records=self.engine.store,
            effects=self.engine.ledger.effects,
            author=self._author,
            ceilings=Ceilings(),
            now_ms=lambda: NOW_MS,
        )
        await make_obey(servant)(ctx)

    async def command(self, text: str, user: str = "alice") -> str:
        """Write a command and let it be obeyed; answer the reactions and the text that came of it."""
        comment, ctx = await self.write(text, user)
        await self.obey(ctx)
        return f"{self.reactions(comment)} {self.answer}".strip()

    def reactions(self, comment: IssueComment) -> str:
        """Name the App's reactions to a comment."""
        bot = self.github.github.app.bot
        return ",".join(one.content for one in comment.reactions if one.author is bot)

    @property
    def answer(self) -> str:
        """Give the one answer of ours, without its marker; empty if there is none."""
        written = own_comments(self.pull, self.github.github.app)
        assert len(written) <= 1
        return written[0].body.partition("\n")[2] if written else ""

    async def submit(self, head: str = "", *, order: int = 0) -> str:
        """Let a review be under way."""
        params = self.github.params(self.pull)
        return await self.engine.submit(self.subject, head or self.pull.head_sha, params, order=order)

    async def review(self) -> str:
        """Let the newest head be reviewed, with one finding."""
        self.engine.findings = [FINDING]
        return (await self.engine.review(self.subject, self.pull.head_sha, self.github.params(self.pull))).run_id

    async def tell_before(self, *findings: Finding) -> None:
        """Let a summary comment stand that tells these."""
        told: list[JsonValue] = [finding.model_dump(mode="json") for finding in findings]
        record = json.dumps({"head": OTHER_HEAD, "told": told})
        await self.engine.redis.hset(f"onceover:effects:{self.subject}", "summary", record)  # type: ignore[misc]  # Async here.

    async def newest(self) -> str | None:
        """Name the newest run."""
        run = await self.engine.store.newest(self.subject)
        return run.run_id if run is not None else None

    async def state(self, run_id: str) -> RunState:
        """Say how a run stands."""
        return (await self.engine.run(run_id)).state

    async def _author(self) -> str | None:
        return self.github.github.app.bot.login


@pytest.fixture
async def bench(github: GitHubWorld, redis: Redis) -> Bench:
    """A pull request of alice's, not reviewed yet."""
    return Bench(github=github, engine=EngineWorld(redis=redis), pull=await github.open_pull())


# Who may ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("permission", ["none", "read"])
async def test_who_may_not_write_gets_a_reaction_and_nothing_else(bench: Bench, permission: str) -> None:
    bench.github.github.set_permission(bench.github.repository, "mallory", permission)  # type: ignore[arg-type]

    told = await bench.command("/onceover review", "mallory")

    assert (told, await bench.newest()) == ("-1", None)


async def test_whom_github_does_not_know_may_not(bench: Bench) -> None:
    _, ctx = await bench.write("/onceover review", "mallory")
    del bench.github.github.world.accounts["mallory"]

    await bench.obey(ctx)

    assert (bench.answer, await bench.newest()) == ("", None)


async def test_a_login_that_passed_to_somebody_else_carries_no_right_along(bench: Bench) -> None:
    comment, ctx = await bench.write("/onceover review", "alice")
    ctx.params = {**ctx.params, "sender": {"id": 999_999, "login": "alice"}}

    await bench.obey(ctx)

    assert (bench.reactions(comment), await bench.newest()) == ("-1", None)


@pytest.mark.parametrize("status", [403, 500, 502])
async def test_without_a_clear_answer_nothing_is_done(bench: Bench, status: int) -> None:
    bench.github.github.faults.add(Fault(kind="refuse", path="/permission$", status=status, body="{}", times=None))
    comment, ctx = await bench.write("/onceover review")

    with pytest.raises(OnceoverError):
        await bench.obey(ctx)

    assert (bench.reactions(comment), bench.answer, await bench.newest()) == ("", "", None)


async def test_a_right_that_is_taken_back_between_two_tries_is_gone(bench: Bench) -> None:
    comment, ctx = await bench.write("/onceover review")
    bench.github.github.faults.add(Fault(kind="refuse", path="/pulls/1$", status=500, body="{}"))
    with pytest.raises(OnceoverError):
        await bench.obey(ctx)

    bench.github.github.set_permission(bench.github.repository, "alice", "read")
    await bench.obey(ctx.next_attempt())

    assert (bench.reactions(comment), await bench.newest()) == ("-1", None)


async def test_help_and_status_are_for_everybody(bench: Bench) -> None:
    helped = await bench.command("/onceover help", "mallory")

    assert helped.startswith("+1 **What Onceover understands**")
    assert not [one for one in bench.github.github.requests if one.path.endswith("/permission")]


async def test_a_mistake_of_who_may_not_write_is_not_answered(bench: Bench) -> None:
    assert await bench.command("/onceover revue", "mallory") == "-1"


# What can be asked --------------------------------------------------------------------------------------------------


async def test_a_mistake_is_told_with_what_was_meant(bench: Bench) -> None:
    told = await bench.command("/onceover revue")

    assert told.startswith("confused There is no command `revue`. Did you mean `review`?")


async def test_review_asks_for_the_head_that_github_names_and_remembers_that_it_was_asked(bench: Bench) -> None:
    assert await bench.command("/onceover review") == "rocket"

    run_id = await bench.newest()
    assert run_id
    run = await bench.engine.run(run_id)
    assert (run.revision, run.params["trigger"]) == (
        bench.pull.head_sha,
        {"by": "alice", "why": "command"},
    )
    assert (await bench.engine.store.notes(bench.subject))[ASKED_NOTE] == bench.pull.head_sha


async def test_review_of_a_head_that_a_webhook_has_overtaken_says_which_is_the_newest(bench: Bench) -> None:
    await bench.submit(OTHER_HEAD, order=4_000_000_000_000)

    told = await bench.command("/onceover review")

    assert told.startswith(f"confused That was about commit `{bench.pull.head_sha[:12]}`; the newest is `ffffffffffff`")


async def test_rerun_without_a_run_is_a_review(bench: Bench) -> None:
    assert await bench.command("/onceover rerun all") == "rocket"

    assert await bench.newest()


async def test_rerun_opens_the_stage_and_what_builds_on_it(bench: Bench) -> None:
    run_id = await bench.review()

    told = await bench.command("/onceover rerun docs")

    run = await bench.engine.run(run_id)
    done = {name for name, stage in run.stages.items() if stage.state.is_terminal}
    assert (told, run.state.is_terminal, done) == ("rocket", False, {"prepare", "analyze", "test"})


async def test_rerun_of_what_did_not_fail_says_so(bench: Bench) -> None:
    await bench.review()

    assert await bench.command("/onceover rerun failed") == "+1"


async def test_cancel_stops_what_is_under_way(bench: Bench) -> None:
    run_id = await bench.submit()

    assert await bench.command("/onceover cancel") == "rocket"

    assert await bench.state(run_id) is RunState.CANCELLED


async def test_cancel_without_anything_under_way_does_nothing(bench: Bench) -> None:
    assert await bench.command("/onceover cancel") == "+1"


async def test_pause_holds_until_resume_which_asks_for_a_review(bench: Bench) -> None:
    assert await bench.command("/onceover pause") == "rocket"
    paused = await bench.engine.store.notes(bench.subject)
    assert await bench.command("/onceover pause") == "+1"

    assert await bench.command("/onceover resume") == "rocket"

    assert paused == {"paused": "alice"}
    assert "paused" not in await bench.engine.store.notes(bench.subject)
    assert await bench.newest()


async def test_resume_of_what_is_not_paused_starts_nothing(bench: Bench) -> None:
    assert await bench.command("/onceover resume") == "+1"

    assert await bench.newest() is None


async def test_status_before_and_after_a_review(bench: Bench) -> None:
    before = await bench.command("/onceover status", "mallory")
    bench.pull.comments.clear()
    bench.engine.ledger.records.clear()
    await bench.review()

    after = await bench.command("/onceover status", "mallory")

    assert f"Commit `{bench.pull.head_sha[:12]}` was not reviewed yet." in before
    assert "| analyze | done |" in after.replace("✓ ", "")
    assert "prepare" not in after


async def test_config_shows_what_holds_the_organisations_file_included(bench: Bench) -> None:
    above = bench.github.github.add_repository("acme/.github")
    text = "review:\n  findings_max: 7\n"
    await bench.github.github.push(above, "main", {CONFIGURATION: text}, user="alice", lost=True)
    await bench.github.configure("stages:\n  docs: false\n")

    told = await bench.command("/onceover config")

    assert "review.findings_max: 7  # organisation" in told
    assert "stages.docs: false  # repository" in told


async def test_explain_tells_a_finding_whole_and_knows_no_other(bench: Bench) -> None:
    await bench.review()

    told = await bench.command(f"/onceover explain {FINDING.fingerprint[:7]}")
    bench.pull.comments.clear()
    unknown = await bench.command("/onceover explain " + "0" * 16)

    assert "The discount is lost" in told
    assert "**How it was found:** by a model, which is 100% sure." in told
    assert unknown.startswith("confused The review of commit")
    assert f"- `{FINDING.fingerprint[:7]}` The discount is lost" in unknown


async def test_what_the_standing_comment_tells_can_be_explained_though_this_head_has_it_no_more(bench: Bench) -> None:
    await bench.tell_before(FINDING)

    told = await bench.command(f"/onceover explain {FINDING.fingerprint[:7]}")

    assert told.startswith("+1 - **The discount is lost** `shop/order.py:42`\n"), "Its lines may have moved since."


async def test_a_beginning_of_two_findings_names_neither(bench: Bench) -> None:
    """Nobody dismisses what he did not mean."""
    findings = [a_finding(title=f"Number {number}") for number in range(3_000)]
    beginnings = [finding.fingerprint[:4] for finding in findings]
    twice = next(beginning for beginning in beginnings if beginnings.count(beginning) > 1)
    await bench.tell_before(*(finding for finding in findings if finding.fingerprint.startswith(twice)))

    told = await bench.command(f"/onceover dismiss {twice}")

    assert told.startswith("confused The review of commit")
    assert told.count("\n- `") == beginnings.count(twice)
    assert await bench.engine.store.notes(bench.subject) == {}


async def test_dismiss_keeps_who_and_why_and_writes_the_comment_anew(bench: Bench) -> None:
    run_id = await bench.review()

    told = await bench.command(f"/onceover dismiss {FINDING.fingerprint[:7]} it is meant so")

    said = await bench.engine.store.notes(bench.subject)
    run = await bench.engine.run(run_id)
    assert "is dismissed on this pull request, and asks for no changes any more. Reason: it is meant so" in told
    assert said[f"dismissed {FINDING.fingerprint}"] == {"by": "alice", "reason": "it is meant so"}
    assert {name for name, stage in run.stages.items() if not stage.state.is_terminal} == {"comment"}


async def test_a_dismissal_is_taken_back(bench: Bench) -> None:
    run_id = await bench.review()
    await bench.command(f"/onceover dismiss {FINDING.fingerprint[:7]}")
    bench.pull.comments.clear()

    told = await bench.command(f"/onceover dismiss {FINDING.fingerprint[:7]} --undo")
    bench.pull.comments.clear()
    again = await bench.command(f"/onceover dismiss {FINDING.fingerprint[:7]} --undo")

    run = await bench.engine.run(run_id)
    assert f"+1 Finding `{FINDING.fingerprint[:7]}` is told again" in told
    assert again.startswith("confused ")
    assert await bench.engine.store.notes(bench.subject) == {}
    assert {name for name, stage in run.stages.items() if not stage.state.is_terminal} == {"comment"}


async def test_a_finding_of_an_older_head_is_not_known(bench: Bench) -> None:
    await bench.review()
    await bench.github.github.push_to_pull(bench.pull, {"more.py": "PEAR = 3\n"}, lost=True)

    assert (await bench.command(f"/onceover dismiss {FINDING.fingerprint}")).startswith("confused")


@pytest.mark.parametrize("verb", ["review", "rerun all", "cancel", "pause", "resume"])
async def test_a_closed_pull_request_takes_no_orders(bench: Bench, verb: str) -> None:
    await bench.github.github.close_pull(bench.pull, lost=True)

    told = await bench.command(f"/onceover {verb}")

    assert told.startswith("confused This cannot be done now: the pull request is closed.")
    assert await bench.newest() is None


# Once ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["/onceover review", "/onceover cancel", "/onceover pause", "/onceover rerun all", "/onceover help"]
)
async def test_a_command_whose_answer_was_lost_is_done_once_and_answered_once(bench: Bench, text: str) -> None:
    await bench.submit()
    comment, ctx = await bench.write(text)
    bench.github.github.faults.add(Fault(kind="apply_then_status", method="POST", path="/reactions$", status=502))
    with pytest.raises(OnceoverError):
        await bench.obey(ctx)

    await bench.obey(ctx.next_attempt())

    assert bench.reactions(comment) == ("+1" if text.endswith("help") else "rocket")
    assert len(own_comments(bench.pull, bench.github.github.app)) == text.endswith("help")


async def test_a_comment_that_was_deleted_meanwhile_is_obeyed_without_a_reaction(bench: Bench) -> None:
    comment, ctx = await bench.write("/onceover review")
    await bench.github.github.delete_comment(bench.pull, comment, lost=True)

    await bench.obey(ctx)

    assert await bench.newest()
    assert ctx.decisions == ["no reaction: the comment was deleted meanwhile, or the conversation is locked"]


async def test_a_button_is_obeyed_without_a_word(bench: Bench) -> None:
    _, ctx = await bench.write("/onceover review")
    ctx.params = {**ctx.params, "answer_to": {"kind": "check_run", "id": 77}}

    await bench.obey(ctx)

    assert await bench.newest()
    assert bench.github.github.writes() == []
