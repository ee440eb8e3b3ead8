"""The App itself: its signature, its tokens, its installations, its delivery log."""

import traceback
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from pipeline.engine.errors import OnceoverError
from pipeline.services.github.errors import Ambiguous, GitHubAway, Gone, NotAllowed, Refused
from tests.services.github.small_github import NOON, Says, make_key, no, ok, small_github

MINT = "POST /app/installations/7/access_tokens"
MINTED = {"token": "ghs_31_canary.with.dots", "expires_at": "2026-09-01T13:00:00Z", "permissions": {"contents": "read"}}
INSTALLATION = {"id": 7, "account": {"id": 3, "login": "acme", "type": "Organization"}, "suspended_at": None}


@pytest.fixture(scope="module")
def keys() -> tuple[str, rsa.RSAPublicKey]:
    """One key for all: making one takes a while."""
    return make_key()


@pytest.fixture(scope="module")
def pem(keys: tuple[str, rsa.RSAPublicKey]) -> str:
    return keys[0]


async def test_the_app_signs_as_github_wants_it(keys: tuple[str, rsa.RSAPublicKey]) -> None:
    async with small_github({"GET /app": ok({"id": 31, "slug": "onceover"})}, private_key=keys[0]) as world:
        await world.app.app()

    [seen] = world.server.seen
    claims = jwt.decode(
        seen.token,
        keys[1],
        algorithms=["RS256"],
        options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )
    assert claims["iss"] == "31"
    assert claims["iat"] == NOON.timestamp() - 60
    assert NOON.timestamp() < claims["exp"] <= NOON.timestamp() + 9 * 60
    assert claims["exp"] - claims["iat"] <= 10 * 60


async def test_a_signature_serves_until_shortly_before_its_end(pem: str) -> None:
    async with small_github({"GET /app": ok({"id": 31, "slug": "onceover"})}, private_key=pem) as world:
        for seconds in (0, 350, 20):
            world.clock.pass_by(seconds)
            await world.app.app()

    tokens = [one.token for one in world.server.seen]
    assert tokens[0] == tokens[1] != tokens[2]


@pytest.mark.parametrize("key", ["", "-----BEGIN canary-----", "canary"])
async def test_a_key_that_is_none_is_told_without_showing_it(key: str) -> None:
    async with small_github(private_key=key) as world:
        with pytest.raises(NotAllowed) as caught:
            await world.app.app()

    assert caught.value.error_code == "github_app_key"
    assert "BEGIN" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


async def test_a_token_is_as_narrow_as_asked(pem: str) -> None:
    async with small_github({MINT: ok(MINTED, 201)}, private_key=pem) as world:
        minted = await world.app.mint(7, repository_ids=(102, 101), permissions={"contents": "read"})

    [seen] = world.server.seen
    assert seen.body == {"repository_ids": [101, 102], "permissions": {"contents": "read"}}
    assert minted.token.get_secret_value() == "ghs_31_canary.with.dots"
    assert minted.expires_at == NOON + timedelta(hours=1)
    assert minted.expires_at_ms == (NOON + timedelta(hours=1)).timestamp() * 1000
    assert "canary" not in repr(minted)


@pytest.mark.parametrize(
    ("says", "kind"),
    [
        (no(404, "Not Found"), Gone),
        (no(403, "This installation has been suspended"), NotAllowed),
        (no(422, "The permissions requested are not granted to this installation."), Refused),
        (no(401, "A JSON web token could not be decoded"), NotAllowed),
        (no(502), GitHubAway),
        (Says(fault="cut"), GitHubAway),
        (ok({"token": "ghs_canary"}, 201), GitHubAway),
    ],
)
async def test_a_token_that_is_not_made_is_classed(pem: str, says: Says, kind: type[OnceoverError]) -> None:
    """Making one leaves nothing behind, so that a lost answer is not ambiguous."""
    async with small_github({MINT: says}, private_key=pem) as world:
        with pytest.raises(kind) as caught:
            await world.app.mint(7, repository_ids=(101,), permissions={})

    assert "canary" not in "".join(traceback.format_exception(caught.value))
    assert len(world.server.seen) == 1


async def test_a_wrong_clock_is_told(pem: str) -> None:
    says = no(401, "'Expiration time' claim ('exp') is too far in the future", date="Tue, 01 Sep 2026 11:00:00 GMT")
    async with small_github({"GET /app": says}, private_key=pem) as world:
        with pytest.raises(NotAllowed, match="3600 s ahead of GitHub's"):
            await world.app.app()


async def test_the_bot_is_found_by_its_name(pem: str) -> None:
    routes = {
        "GET /app": ok({"id": 31, "slug": "onceover"}),
        MINT: ok(MINTED, 201),
        "GET /users/onceover%5Bbot%5D": ok({"id": 9, "login": "onceover[bot]", "type": "Bot"}),
    }
    async with small_github(routes, private_key=pem) as world:
        bot = await world.app.bot(7)

    assert (bot.id, bot.login) == (9, "onceover[bot]")
    assert world.server.seen[-1].token == "ghs_31_canary.with.dots"


async def test_installations_and_their_repositories_are_listed_to_the_end(pem: str) -> None:
    async with small_github({MINT: ok(MINTED, 201)}, private_key=pem) as world:
        more = f'<{world.server.url}/app/installations?page=2>; rel="next"'
        world.server.routes["GET /app/installations"] = [
            ok([INSTALLATION], link=more),
            ok([{**INSTALLATION, "id": 8, "suspended_at": "2026-08-01T00:00:00Z"}]),
        ]
        world.server.routes["GET /installation/repositories"] = ok(
            {"total_count": 1, "repositories": [{"id": 101, "full_name": "acme/shop", "default_branch": "main"}]}
        )

        installations = await world.app.installations()
        repositories = await world.app.repositories(7)

    assert [(one.id, one.suspended_at is not None) for one in installations] == [(7, False), (8, True)]
    assert [(one.id, one.full_name) for one in repositories] == [(101, "acme/shop")]


async def test_a_repository_without_an_installation_has_none(pem: str) -> None:
    async with small_github({"GET /repos/acme/shop/installation": ok(INSTALLATION)}, private_key=pem) as world:
        found = await world.app.installation_of("acme", "shop")
        missing = await world.app.installation_of("acme", "barn")

    assert (found and found.id, missing) == (7, None)


async def test_failed_deliveries_are_listed_back_to_a_moment(pem: str) -> None:
    def delivery(number: int, minutes_ago: int) -> dict[str, object]:
        at = (NOON - timedelta(minutes=minutes_ago)).isoformat()
        return {"id": number, "guid": f"g-{number}", "delivered_at": at, "status": "Invalid HTTP Response: 503"}

    async with small_github(private_key=pem) as world:
        more = f'<{world.server.url}/app/hook/deliveries?cursor=v1_2>; rel="next"'
        world.server.routes["GET /app/hook/deliveries"] = [
            ok([delivery(3, 1), delivery(2, 2)], link=more),
            ok([delivery(1, 30), delivery(0, 90)], link=more),
        ]

        found = await world.app.deliveries(since=NOON - timedelta(hours=1), status="failure")

    assert [one.id for one in found] == [3, 2, 1]
    assert [one.query.get("status", one.query.get("cursor")) for one in world.server.seen] == ["failure", "v1_2"]


async def test_a_redelivery_is_asked_for_once(pem: str) -> None:
    route = "POST /app/hook/deliveries/3/attempts"
    async with small_github({route: [ok({}, 202), no(502)]}, private_key=pem) as world:
        await world.app.redeliver(3)
        with pytest.raises(Ambiguous):
            await world.app.redeliver(3)

    assert len(world.server.seen) == 2


async def test_where_webhooks_go_can_be_asked(pem: str) -> None:
    hook = {
        "url": "https://onceover.test/webhooks/github",
        "content_type": "json",
        "insecure_ssl": "0",
        "secret": "***",
    }
    async with small_github({"GET /app/hook/config": ok(hook)}, private_key=pem) as world:
        found = await world.app.hook()

    assert (found.url, found.content_type) == (hook["url"], "json")
