"""The client and the simulated GitHub understand each other: what tests of the App build on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from bot.demo.simulated_github.faults import Fault
from bot.demo.simulated_github.repositories import Pull
from bot.demo.simulated_github.server import SimulatedGitHub
from pipeline.engine.errors import OnceoverError
from pipeline.services.github.app import GitHubApp
from pipeline.services.github.app_key import AppKey
from pipeline.services.github.caller import Caller
from pipeline.services.github.checks import Checks, CheckState
from pipeline.services.github.ci import ContinuousIntegration
from pipeline.services.github.client import GitHub
from pipeline.services.github.clock import SystemClock
from pipeline.services.github.comments import Comments
from pipeline.services.github.errors import (
    Ambiguous,
    GitHubAway,
    Gone,
    Limit,
    NotAllowed,
    NotYet,
    RateLimited,
    Refused,
    TokenRefused,
)
from pipeline.services.github.place import Place, Purpose
from pipeline.services.github.pulls import Pulls
from pipeline.services.github.repositories import Repositories
from pipeline.services.github.reviews import InlineComment, Reviews
from pipeline.services.github.settings import GitHubSettings
from pipeline.services.github.wire import GitHubWire

MARKER = "<!-- onceover:1 -->"
LINES = "".join(f"line {number}\n" for number in range(1, 21))
SETTINGS = GitHubSettings(write_interval_seconds=0.0, fresh_token_seconds=0.0, read_seconds_max=2.0)


@dataclass(kw_only=True)
class AppTokens:
    """Tokens for one repository, straight from the App."""

    app: GitHubApp
    held: SecretStr | None = None

    async def token(self, place: Place, purpose: Purpose) -> SecretStr:
        """Mint one, unless there is one."""
        if self.held is None:
            wanted = {"contents": "read", "pull_requests": str(purpose), "checks": str(purpose)}
            minted = await self.app.mint(
                place.installation, repository_ids=(place.repository_id,), permissions={"metadata": "read", **wanted}
            )
            self.held = minted.token
        return self.held

    async def refuse(self, token: SecretStr) -> None:
        """Forget it."""
        assert token == self.held
        self.held = None


@dataclass(frozen=True, kw_only=True)
class Shop:
    """One repository with one pull request, as GitHub has it and as we see it."""

    server: SimulatedGitHub
    place: Place
    pull: Pull
    app: GitHubApp
    github: GitHub

    @property
    def pulls(self) -> Pulls:
        """Bind the calls to the shop."""
        return Pulls(github=self.github, place=self.place)

    @property
    def repositories(self) -> Repositories:
        """Likewise."""
        return Repositories(github=self.github, place=self.place)

    @property
    def comments(self) -> Comments:
        """Likewise."""
        return Comments(github=self.github, place=self.place)

    @property
    def reviews(self) -> Reviews:
        """Likewise."""
        return Reviews(github=self.github, place=self.place)

    @property
    def checks(self) -> Checks:
        """Likewise."""
        return Checks(github=self.github, place=self.place)

    @property
    def ci(self) -> ContinuousIntegration:
        """Likewise."""
        return ContinuousIntegration(github=self.github, place=self.place)


@asynccontextmanager
async def open_shop() -> AsyncIterator[Shop]:
    async with SimulatedGitHub() as server:
        repository = server.add_repository("acme/shop", private=True, files={"shop.py": LINES})
        installation = await server.install(server.app, [repository])
        await server.push(repository, "feature", {"shop.py": LINES.replace("line 8\n", "eight\n"), "a.png": b"\x00"})
        pull = await server.open_pull(repository, "feature", author="alice")
        async with GitHubWire(server.url, SETTINGS) as wire:
            caller = Caller(api_url=server.url, wire=wire, settings=SETTINGS, clock=SystemClock())
            key = AppKey(app_id=str(server.app.id), private_key=SecretStr(server.app.private_key), clock=caller.clock)
            app = GitHubApp(caller=caller, key=key)
            yield Shop(
                server=server,
                place=Place(installation=installation.id, repository="acme/shop", repository_id=repository.id),
                pull=pull,
                app=app,
                github=GitHub(caller=caller, tokens=AppTokens(app=app), purpose=Purpose.WRITE),
            )


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as shop:
        yield shop


async def test_a_pull_request_is_read_with_all_that_a_review_needs(shop: Shop) -> None:
    pull = await shop.pulls.pull(shop.pull.number)
    files = {one.filename: one for one in await shop.pulls.files(shop.pull.number)}
    merge_base = await shop.repositories.merge_base(pull.base.sha, pull.head.sha)

    assert (pull.number, pull.state, pull.user and pull.user.login) == (shop.pull.number, "open", "alice")
    assert [one.number for one in await shop.pulls.open_pulls()] == [pull.number]
    assert merge_base == pull.base.sha
    assert "+eight" in (files["shop.py"].patch or "")
    assert files["a.png"].patch is None
    assert await shop.repositories.has_commit(pull.head.sha)
    assert not await shop.repositories.has_commit("f" * 40)


async def test_files_are_read_as_they_are(shop: Shop) -> None:
    pull = await shop.pulls.pull(shop.pull.number)

    assert await shop.repositories.content("shop.py", ref=pull.base.sha) == LINES.encode()
    assert await shop.repositories.content(".github/onceover.yml", ref=pull.base.sha) is None
    with pytest.raises(Gone):
        await shop.repositories.content("shop.py", ref="nowhere")


async def test_permissions_are_told_apart(shop: Shop) -> None:
    repository = shop.pull.repository
    shop.server.add_account("mallory")
    shop.server.add_account("trudy")
    shop.server.set_permission(repository, "alice", "write")
    shop.server.set_permission(repository, "trudy", "read", "triage")

    may = {name: (await shop.repositories.permission(name)).may_write for name in ("alice", "mallory", "trudy", "eve")}

    assert may == {"alice": True, "mallory": False, "trudy": False, "eve": False}


async def test_the_summary_comment_lives(shop: Shop) -> None:
    number = shop.pull.number
    made = await shop.comments.create(number, f"{MARKER} one")
    await shop.comments.update(number, made.id, f"{MARKER} two")
    await shop.comments.react(number, made.id, "eyes")
    bot = await shop.app.bot(shop.place.installation)

    [listed] = await shop.comments.comments(number)
    await shop.comments.delete(number, made.id)
    await shop.comments.delete(number, made.id)

    assert (listed.id, listed.body, listed.user and listed.user.id) == (made.id, f"{MARKER} two", bot.id)
    assert await shop.comments.comment(made.id) is None


async def test_a_review_is_made_in_two_phases(shop: Shop) -> None:
    number, head = shop.pull.number, (await shop.pulls.pull(shop.pull.number)).head.sha
    remark = InlineComment(path="shop.py", line=8, body="Why?", start_line=7)

    made = await shop.reviews.create_pending(number, commit_id=head, body=MARKER, comments=[remark])
    with pytest.raises(Refused) as second:
        await shop.reviews.create_pending(number, commit_id=head, body=MARKER)
    listed = await shop.reviews.reviews(number)
    done = await shop.reviews.submit(number, made.id)
    with pytest.raises(Refused):
        await shop.reviews.delete_pending(number, made.id)
    [inline] = await shop.reviews.comments(number, made.id)
    answer = await shop.comments.reply(number, inline, "Because.")

    assert second.value.is_pending_review_there
    assert [(one.id, one.is_pending) for one in listed] == [(made.id, True)]
    assert (done.is_pending, done.commit_id) == (False, head)
    assert answer.in_reply_to_id == inline.id


async def test_one_line_outside_the_diff_refuses_the_whole_review(shop: Shop) -> None:
    head = (await shop.pulls.pull(shop.pull.number)).head.sha
    stray = InlineComment(path="shop.py", line=19, body="Why?")

    with pytest.raises(Refused) as caught:
        await shop.reviews.create_pending(shop.pull.number, commit_id=head, body=MARKER, comments=[stray])

    assert caught.value.is_line_outside_diff
    assert not caught.value.is_pending_review_there
    assert await shop.reviews.reviews(shop.pull.number) == []


async def test_a_check_run_is_made_found_and_concluded(shop: Shop) -> None:
    head, line = (await shop.pulls.pull(shop.pull.number)).head.sha, shop.pull.number
    begun = CheckState(status="in_progress", external_id="r_1", title="Reading", summary="...")
    made = await shop.checks.create(head, name="Onceover", state=begun, line=line)
    app_id = shop.server.app.id

    [found] = await shop.checks.find(head, name="Onceover", app_id=app_id, external_id="r_1")
    done = CheckState(conclusion="neutral", title="Done", summary="Partly.", completed_at=datetime.now(UTC))
    await shop.checks.update(found.id, state=done, line=line)
    shown = await shop.checks.check(made.id)

    assert found.id == made.id
    assert (shown.status, shown.conclusion, shown.output.title) == ("completed", "neutral", "Done")
    assert [one.id for one in await shop.ci.runs(head)] == [made.id]
    with pytest.raises(NotYet):
        await shop.checks.create("f" * 40, name="Onceover", state=begun, line=line)


async def test_the_app_knows_itself_and_where_it_is(shop: Shop) -> None:
    [installation] = await shop.app.installations()
    found = await shop.app.installation_of("acme", "shop")
    [repository] = await shop.app.repositories(installation.id)

    assert (await shop.app.app()).id == shop.server.app.id
    assert found is not None
    assert found.id == installation.id == shop.place.installation
    assert repository.id == shop.place.repository_id
    assert await shop.app.installation_of("acme", "barn") is None


@pytest.mark.parametrize("kind", ["apply_then_status", "cut", "cut_after", "truncate"])
async def test_a_write_that_breaks_is_ambiguous_and_sent_once(shop: Shop, kind: str) -> None:
    shop.server.faults.add(Fault(kind=kind, method="POST", path="/issues/"))  # type: ignore[arg-type]  # One of them.

    with pytest.raises(Ambiguous):
        await shop.comments.create(shop.pull.number, MARKER)

    assert len(shop.server.writes("/issues/")) == 1
    assert len(await shop.comments.comments(shop.pull.number)) == (kind != "cut")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(kind="refuse", status=503), GitHubAway),
        (Fault(kind="cut"), GitHubAway),
        (Fault(kind="truncate"), GitHubAway),
        (Fault(kind="secondary_limit", retry_after_seconds=30), RateLimited),
        (Fault(kind="secondary_limit"), RateLimited),
        (Fault(kind="primary_limit", retry_after_seconds=30), RateLimited),
        (Fault(kind="fresh_token", requests=2, times=None), TokenRefused),
    ],
)
async def test_a_read_that_breaks_changes_nothing(shop: Shop, fault: Fault, kind: type[OnceoverError]) -> None:
    await shop.pulls.pull(shop.pull.number)
    if fault.kind == "fresh_token":
        shop.server.expire_tokens()
    shop.server.faults.add(fault)

    with pytest.raises(kind) as caught:
        await shop.pulls.files(shop.pull.number)

    if isinstance(caught.value, RateLimited):
        asked = fault.retry_after_seconds or 60
        assert asked - 2 <= caught.value.after_seconds <= asked + 2
        assert caught.value.limit == (Limit.PRIMARY if fault.kind == "primary_limit" else Limit.SECONDARY)


async def test_a_token_that_ran_out_is_replaced(shop: Shop) -> None:
    await shop.pulls.pull(shop.pull.number)

    shop.server.expire_tokens()

    assert (await shop.pulls.pull(shop.pull.number)).number == shop.pull.number


async def test_a_renamed_repository_is_read_and_written(shop: Shop) -> None:
    await shop.server.rename_repository(shop.pull.repository, "store")

    assert (await shop.pulls.pull(shop.pull.number)).number == shop.pull.number
    assert (await shop.comments.create(shop.pull.number, MARKER)).body == MARKER


async def test_a_suspended_installation_needs_a_person(shop: Shop) -> None:
    [installation] = shop.server.world.installations
    await shop.server.suspend(installation)

    with pytest.raises(NotAllowed):
        await shop.pulls.pull(shop.pull.number)


async def test_a_locked_conversation_is_final(shop: Shop) -> None:
    await shop.server.lock(shop.pull)

    with pytest.raises(Gone):
        await shop.comments.create(shop.pull.number, MARKER)


async def test_a_deleted_repository_is_gone(shop: Shop) -> None:
    await shop.pulls.pull(shop.pull.number)

    shop.server.delete_repository(shop.pull.repository)

    with pytest.raises(Gone):
        await shop.pulls.pull(shop.pull.number)
