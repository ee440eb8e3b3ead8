"""The client: pages, conditions, tokens, redirects and limits."""

import traceback
from typing import Any

import pytest
from pydantic import SecretStr

from pipeline.engine.errors import GiveUp
from pipeline.services.github.checks import Checks
from pipeline.services.github.client import GitHub
from pipeline.services.github.comments import Comments
from pipeline.services.github.errors import (
    GitHubAway,
    Gone,
    Limit,
    Nonsense,
    NotAllowed,
    NotYet,
    RateLimited,
    Refused,
    TokenRefused,
    TooMuch,
)
from pipeline.services.github.memory import TOKENS_SEEN_MAX, TokenAges
from pipeline.services.github.models import Pull
from pipeline.services.github.place import Place, Purpose
from pipeline.services.github.pulls import Pulls
from tests.services.github.small_github import (
    REPO,
    SHA,
    SHOP,
    FakeClock,
    FakeTokens,
    Says,
    Seen,
    World,
    comment,
    no,
    ok,
    pull,
    small_github,
)

PULL = f"GET {REPO}/pulls/12"
PULLS = f"GET {REPO}/pulls"
CREATE = f"POST {REPO}/issues/12/comments"


def pulls_of(world: World) -> Pulls:
    return Pulls(github=world.github, place=SHOP)


def comments_of(world: World) -> Comments:
    return Comments(github=world.github, place=SHOP)


async def write(world: World) -> object:
    return await comments_of(world).create(12, "Hello")


def paged(items: list[Any], seen: Seen, world_url: str) -> Says:
    """Answer one page of a list and link the next."""
    page, size = int(seen.query.get("page", "1")), int(seen.query["per_page"])
    rest = len(items) > page * size
    link = f'<{world_url}{seen.path}?per_page={size}&page={page + 1}>; rel="next", <{world_url}/x>; rel="last"'
    return ok(items[(page - 1) * size : page * size], **({"link": link} if rest else {}))


async def test_a_list_is_read_to_its_end() -> None:
    async with small_github() as world:
        items = [pull(number) for number in range(1, 251)]
        world.server.routes[PULLS] = lambda seen: paged(items, seen, world.server.url)

        found = await pulls_of(world).open_pulls()

    assert [one.number for one in found] == list(range(1, 251))
    assert [one.query.get("page") for one in world.server.seen] == [None, "2", "3"]
    assert {one.query["per_page"] for one in world.server.seen} == {"100"}


async def test_a_list_of_exactly_the_last_page_is_no_failure() -> None:
    async with small_github(pages_max=2) as world:
        items = [pull(number) for number in range(1, 201)]
        world.server.routes[PULLS] = lambda seen: paged(items, seen, world.server.url)

        assert len(await pulls_of(world).open_pulls()) == 200


async def test_a_list_without_end_is_left() -> None:
    async with small_github(pages_max=3) as world:
        world.server.routes[PULLS] = lambda seen: ok([pull()], link=f'<{world.server.url}{seen.path}>; rel="next"')

        with pytest.raises(TooMuch, match="more than 3 pages"):
            await pulls_of(world).open_pulls()

    assert len(world.server.seen) == 3


async def test_a_list_inside_an_object_is_read_to_its_end() -> None:
    async with small_github() as world:
        route = f"{REPO}/commits/{SHA}/check-runs"
        run = {"name": "Onceover", "head_sha": SHA, "status": "queued", "app": {"id": 31}, "output": {"title": None}}
        first = [{**run, "id": number} for number in range(100)]
        link = f'<{world.server.url}{route}?page=2>; rel="next"'
        world.server.routes[f"GET {route}"] = [
            ok({"total_count": 101, "check_runs": first}, link=link),
            ok({"total_count": 101, "check_runs": [{**run, "id": 100}]}),
        ]

        found = await Checks(github=world.github, place=SHOP).find(SHA, name="Onceover", app_id=31)

    assert [one.id for one in found] == list(range(100, -1, -1))


async def test_what_has_not_changed_is_not_sent_again() -> None:
    def says(seen: Seen) -> Says:
        return Says(status=304) if seen.headers.get("if-none-match") == '"v1"' else ok(pull(), etag='"v1"')

    async with small_github({PULL: says}) as world:
        first = await pulls_of(world).pull(12)
        second = await pulls_of(world).pull(12)

    assert first == second
    assert (len(world.server.seen), world.github.tally.not_modified) == (2, 1)


async def test_what_has_changed_is_read_anew() -> None:
    async with small_github({PULL: [ok(pull(), etag='"v1"'), ok(pull(title="New"), etag='"v2"')]}) as world:
        await pulls_of(world).pull(12)

        assert (await pulls_of(world).pull(12)).title == "New"

    assert world.server.seen[1].headers["if-none-match"] == '"v1"'


async def test_one_installation_does_not_see_what_another_one_saw() -> None:
    other = Place(installation=8, repository=SHOP.repository, repository_id=SHOP.repository_id)
    async with small_github({PULL: ok(pull(), etag='"v1"')}) as world:
        await pulls_of(world).pull(12)
        await Pulls(github=world.github, place=other).pull(12)

    assert "if-none-match" not in world.server.seen[1].headers


async def test_a_piece_of_something_is_not_remembered_as_the_whole() -> None:
    async with small_github({PULL: ok(pull(), 206, etag='"v1"')}) as world:
        for _ in range(2):
            await pulls_of(world).pull(12)

    assert "if-none-match" not in world.server.seen[-1].headers


@pytest.mark.parametrize("limits", [{"etag_entries_max": 1}, {"etag_bytes_max": 800}, {"etag_entry_bytes_max": 10}])
async def test_the_memory_of_answers_is_bounded(limits: dict[str, Any]) -> None:
    routes = {f"GET {REPO}/pulls/{number}": ok(pull(number), etag='"v1"') for number in (1, 2)}
    async with small_github(routes, **limits) as world:
        for number in (1, 2, 1):
            await pulls_of(world).pull(number)

    assert "if-none-match" not in world.server.seen[-1].headers


async def test_a_read_goes_on_with_a_new_token() -> None:
    def says(seen: Seen) -> Says:
        return no(401, "Bad credentials") if seen.token == "ghs_canary_1_secret" else ok(pull())

    async with small_github({PULL: says}) as world:
        found = await pulls_of(world).pull(12)

    assert found.number == 12
    assert world.tokens.refused == ["ghs_canary_1_secret"]
    assert len(world.server.seen) == 2


async def test_a_token_that_is_too_new_is_kept_until_github_knows_it() -> None:
    """The next one would be as new: whoever mints again with each 401 never gets through."""
    async with small_github({PULL: [no(401, "Bad credentials"), ok(pull())]}, fresh_token_seconds=5.0) as world:
        with pytest.raises(TokenRefused) as caught:
            await pulls_of(world).pull(12)
        await pulls_of(world).pull(12)

    assert caught.value.retry_after_seconds == 3.0
    assert world.tokens.refused == []


async def test_a_new_token_that_was_known_before_and_is_not_any_more_is_replaced() -> None:
    async with small_github({PULL: [ok(pull()), no(401), ok(pull())]}, fresh_token_seconds=5.0) as world:
        await pulls_of(world).pull(12)
        await pulls_of(world).pull(12)

    assert world.tokens.refused == ["ghs_canary_1_secret"]


async def test_a_token_that_is_never_known_is_replaced_in_the_end() -> None:
    async with small_github({PULL: [no(401), no(401), ok(pull())]}, fresh_token_seconds=5.0) as world:
        with pytest.raises(TokenRefused):
            await pulls_of(world).pull(12)
        world.clock.pass_by(6)
        await pulls_of(world).pull(12)

    assert world.tokens.refused == ["ghs_canary_1_secret"]


async def test_a_read_is_not_tried_a_third_time() -> None:
    async with small_github({PULL: no(401, "Bad credentials")}) as world:
        with pytest.raises(TokenRefused):
            await pulls_of(world).pull(12)

    assert len(world.server.seen) == 2


async def test_a_read_is_not_tried_again_with_the_same_token() -> None:
    async with small_github({PULL: no(401, "Bad credentials")}) as world:
        world.tokens.renews = False
        with pytest.raises(TokenRefused):
            await pulls_of(world).pull(12)

    assert len(world.server.seen) == 1


async def test_a_write_with_a_refused_token_is_left_to_the_next_try() -> None:
    async with small_github({CREATE: no(401, "Bad credentials")}) as world:
        with pytest.raises(TokenRefused):
            await write(world)

    assert (len(world.server.seen), world.tokens.refused) == (1, ["ghs_canary_1_secret"])


async def test_a_token_is_asked_for_the_purpose_of_the_process() -> None:
    async with small_github({PULL: ok(pull())}) as world:
        await pulls_of(world).pull(12)

    assert world.tokens.asked == [(SHOP, Purpose.WRITE)]


@pytest.mark.parametrize("status", [403, 404])
async def test_a_fresh_token_may_not_be_known_everywhere_yet(status: int) -> None:
    async with small_github({PULL: no(status, "Not so")}, fresh_token_seconds=10.0) as world:
        with pytest.raises(NotYet):
            await pulls_of(world).pull(12)
        world.clock.pass_by(11)
        with pytest.raises((NotAllowed, Gone)):
            await pulls_of(world).pull(12)


async def test_a_missing_thing_is_believed_once_the_token_is_known() -> None:
    """Else a repository without a configuration file would wait for one, each time that its token is new."""
    async with small_github({PULL: ok(pull())}, fresh_token_seconds=10.0) as world:
        await pulls_of(world).pull(12)

        with pytest.raises(Gone):
            await pulls_of(world).pull(13)


async def test_a_pull_request_that_was_just_announced_is_not_gone() -> None:
    async with small_github() as world:
        with pytest.raises(NotYet):
            await pulls_of(world).pull(12, is_new=True)
        with pytest.raises(Gone):
            await pulls_of(world).pull(12)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_read_follows_a_renamed_repository(status: int) -> None:
    async with small_github({"GET /repositories/101/pulls/12": ok(pull())}) as world:
        world.server.routes[PULL] = Says(status=status, headers={"location": "/repositories/101/pulls/12"})

        assert (await pulls_of(world).pull(12)).number == 12

    assert world.server.seen[1].token == "ghs_canary_1_secret"


@pytest.mark.parametrize(("status", "is_followed"), [(301, False), (302, False), (307, True), (308, True)])
async def test_a_write_follows_only_what_keeps_it_a_write(status: int, *, is_followed: bool) -> None:
    moved = "POST /repositories/101/issues/12/comments"
    async with small_github({moved: ok(comment(), 201)}) as world:
        world.server.routes[CREATE] = Says(status=status, headers={"location": moved.removeprefix("POST ")})

        if is_followed:
            await write(world)
        else:
            with pytest.raises(Refused):
                await write(world)

    assert [one.body for one in world.server.calls(moved)] == ([{"body": "Hello"}] if is_followed else [])


async def test_a_write_does_not_follow_to_another_host() -> None:
    async with small_github() as world, small_github() as other:
        there = f"{other.server.url}{REPO}/issues/12/comments"
        world.server.routes[CREATE] = Says(status=307, headers={"location": there})

        with pytest.raises(Refused):
            await write(world)

    assert other.server.seen == []


async def test_a_read_takes_no_token_to_another_host() -> None:
    async with small_github() as world, small_github({"GET /log": ok(pull())}) as other:
        world.server.routes[PULL] = Says(status=302, headers={"location": f"{other.server.url}/log"})

        await pulls_of(world).pull(12)

    [seen] = other.server.seen
    assert "authorization" not in seen.headers


@pytest.mark.parametrize("location", ["http://[", "http://host:99999999/", "http://a b/", "ftp://x/", "mailto:x"])
async def test_a_redirect_to_what_is_no_address_is_told(location: str) -> None:
    async with small_github({PULL: Says(status=302, headers={"location": location})}) as world:
        with pytest.raises((Refused, GitHubAway)):
            await pulls_of(world).pull(12)

    assert len(world.server.seen) == 1


@pytest.mark.parametrize("link", ["http://[", "http://elsewhere/", "//elsewhere/x"])
async def test_a_next_page_that_is_not_of_this_server_is_not_fetched(link: str) -> None:
    async with small_github({PULLS: ok([pull()], link=f'<{link}>; rel="next"')}) as world:
        with pytest.raises(Nonsense):
            await pulls_of(world).open_pulls()

    assert len(world.server.seen) == 1


async def test_a_token_that_no_header_can_carry_is_not_shown() -> None:
    async with small_github({PULL: ok(pull())}) as world:
        world.tokens.suffix = "\u00e9\n"
        with pytest.raises(GitHubAway) as caught:
            await pulls_of(world).pull(12)

    assert "canary_1" not in "".join(traceback.format_exception(caught.value))


async def test_redirects_end() -> None:
    async with small_github({PULL: Says(status=301, headers={"location": f"{REPO}/pulls/12"})}) as world:
        with pytest.raises(Refused):
            await pulls_of(world).pull(12)

    assert len(world.server.seen) == 4


async def test_an_installation_that_is_limited_is_not_asked_again_before_the_time() -> None:
    """Going on may get the App banned."""
    async with small_github({PULL: [no(403, retry_after="30"), ok(pull())]}) as world:
        with pytest.raises(RateLimited):
            await pulls_of(world).pull(12)
        world.clock.pass_by(10)
        with pytest.raises(RateLimited) as again:
            await write(world)
        other = Place(installation=8, repository="acme/shop", repository_id=101)
        await Pulls(github=world.github, place=other).pull(12)
        world.clock.pass_by(20)
        await pulls_of(world).pull(12)

    assert (again.value.after_seconds, again.value.limit) == (20.0, Limit.SECONDARY)
    assert [one.method for one in world.server.seen] == ["GET", "GET", "GET"]


async def test_a_limit_without_a_time_is_waited_for_longer_each_time_until_a_write_succeeds() -> None:
    tired = no(403, "You have exceeded a secondary rate limit.")
    waits = []
    async with small_github(
        {CREATE: [tired, tired, no(403, retry_after="5"), tired, ok(comment(), 201), tired]}
    ) as world:
        for _ in range(6):
            try:
                await write(world)
            except RateLimited as error:
                waits.append(error.after_seconds)
                world.clock.pass_by(error.after_seconds)

    assert waits == [60.0, 120.0, 5.0, 240.0, 60.0]


def test_the_memory_of_tokens_is_bounded() -> None:
    clock = FakeClock()
    ages = TokenAges(clock)
    ages.of(SecretStr("first")).is_proven = True
    for number in range(TOKENS_SEEN_MAX):
        ages.of(SecretStr(str(number)))

    assert not ages.of(SecretStr("first")).is_proven


async def test_what_one_client_learned_holds_for_the_next() -> None:
    """A client may live for one run only; limits, kept answers and counts are the process's."""
    async with small_github({PULL: [ok(pull(), etag='"v1"'), no(429, retry_after="30")]}) as world:
        await pulls_of(world).pull(12)
        for _ in range(2):
            another = GitHub(caller=world.caller, tokens=FakeTokens(), purpose=Purpose.READ)
            with pytest.raises(RateLimited):
                await Pulls(github=another, place=SHOP).pull(12)

    assert [one.headers.get("if-none-match") for one in world.server.seen] == [None, '"v1"']
    assert world.github.tally.calls.total() == 2


async def test_calls_are_counted() -> None:
    routes = {PULL: ok(pull(), x_ratelimit_remaining="4999"), CREATE: ok(comment(), 201)}
    async with small_github(routes) as world:
        await pulls_of(world).pull(12)
        await write(world)

    tally = world.github.tally
    assert {f"{one.method} {one.template}": count for one, count in tally.calls.items()} == {
        "GET /repos/{owner}/{repo}/pulls/{pull_number}": 1,
        "POST /repos/{owner}/{repo}/issues/{issue_number}/comments": 1,
    }
    assert (tally.writes, tally.contents, tally.remaining) == (1, 1, {7: 4999})


@pytest.mark.parametrize(
    "name", ["", "acme", "acme/", "/shop", "acme/shop/x", "acme/..", "../shop", "acme/sh op", "acme/shop?x", "a/b\n"]
)
def test_a_name_that_would_change_the_address_is_refused(name: str) -> None:
    with pytest.raises(GiveUp):
        Place(installation=7, repository=name, repository_id=101)


async def test_a_deleted_fork_and_a_deleted_user_can_be_read() -> None:
    gone = pull(user=None, head={"sha": SHA, "ref": "topic", "repo": None})
    async with small_github({PULL: ok(gone)}) as world:
        found = await pulls_of(world).pull(12)

    assert (found.user, found.head.repo) == (None, None)
    assert isinstance(found, Pull)
