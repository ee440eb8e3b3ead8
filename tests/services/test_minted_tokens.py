"""Minted tokens: how wide, how long, how often."""

import asyncio

import pytest

from pipeline.engine.errors import AskPerson, OnceoverError
from pipeline.services.github.app import GitHubApp
from pipeline.services.github.errors import Refused
from pipeline.services.github.place import Purpose
from pipeline.services.minted_tokens import LACK_SECONDS, MARGIN_SECONDS, PERMISSIONS, Mint, MintedTokens
from tests.services.token_world import BARN, EVERYTHING, SHOP, Clock, FakeMint


@pytest.fixture
def mint() -> FakeMint:
    return FakeMint()


def test_a_read_token_can_write_nothing_and_no_token_more_than_the_bot_does() -> None:
    for choice in PERMISSIONS[Purpose.READ]:
        assert set(choice.values()) == {"read"}
    for choice in PERMISSIONS[Purpose.WRITE]:
        written = {name for name, level in choice.items() if level == "write"}
        assert written == {"pull_requests", "checks"}
        assert choice["contents"] == "read"


@pytest.mark.parametrize("purpose", list(Purpose))
async def test_a_token_is_for_one_repository_and_one_purpose(mint: FakeMint, purpose: Purpose) -> None:
    await MintedTokens(mint).token(SHOP, purpose)

    assert mint.asked == [(7, (101,), PERMISSIONS[purpose][0])]


async def test_a_token_is_used_until_shortly_before_its_end(mint: FakeMint) -> None:
    clock = Clock()
    tokens = MintedTokens(mint, monotonic=clock)
    first = await tokens.token(SHOP, Purpose.WRITE)

    clock.seconds = mint.life_seconds - MARGIN_SECONDS - 2
    again = await tokens.token(SHOP, Purpose.WRITE)
    clock.seconds += 3
    later = await tokens.token(SHOP, Purpose.WRITE)

    assert (again, later == first, len(mint.asked)) == (first, False, 2)


async def test_repositories_and_purposes_do_not_share_tokens(mint: FakeMint) -> None:
    tokens = MintedTokens(mint)

    got = {(await tokens.token(place, purpose)).get_secret_value() for place in (SHOP, BARN) for purpose in Purpose}

    assert len(got) == 4


async def test_many_who_need_a_token_at_once_cost_one_mint(mint: FakeMint) -> None:
    tokens = MintedTokens(mint)

    got = await asyncio.gather(*(tokens.token(SHOP, Purpose.WRITE) for _ in range(20)))

    assert (len(set(got)), len(mint.asked)) == (1, 1)


async def test_a_rejected_token_is_replaced_and_a_late_complaint_spares_the_new_one(mint: FakeMint) -> None:
    tokens = MintedTokens(mint)
    old = await tokens.token(SHOP, Purpose.WRITE)

    await tokens.refuse(old)
    new = await tokens.token(SHOP, Purpose.WRITE)
    await tokens.refuse(old)

    assert new != old
    assert await tokens.token(SHOP, Purpose.WRITE) == new


@pytest.mark.parametrize("lacking", [set(), {"issues"}, {"statuses"}, {"actions"}, {"statuses", "actions", "issues"}])
@pytest.mark.parametrize("purpose", list(Purpose))
async def test_what_an_installation_has_not_granted_is_done_without(purpose: Purpose, lacking: set[str]) -> None:
    mint = FakeMint(grants=EVERYTHING - lacking)

    await MintedTokens(mint).token(SHOP, purpose)

    wanted = PERMISSIONS[purpose][0].keys()
    assert mint.asked[-1][2].keys() == wanted - lacking


async def test_what_is_lacking_is_asked_for_again_after_a_while_only() -> None:
    """An owner who accepts new permissions need not restart anything; and not every token costs two refusals."""
    mint = FakeMint(grants=EVERYTHING - {"issues"})
    clock = Clock()
    tokens = MintedTokens(mint, monotonic=clock)

    await tokens.token(SHOP, Purpose.WRITE)
    refused_first = len(mint.asked)
    await tokens.token(BARN, Purpose.WRITE)
    straight = len(mint.asked) - refused_first
    mint.grants = EVERYTHING
    clock.seconds = LACK_SECONDS + 1
    await tokens.token(SHOP, Purpose.WRITE)

    assert (refused_first, straight) == (2, 1)
    assert mint.asked[-1][2]["issues"] == "read"


async def test_lack_of_what_is_needed_is_said_and_not_papered_over() -> None:
    mint = FakeMint(grants=frozenset({"metadata"}))

    with pytest.raises(Refused):
        await MintedTokens(mint).token(SHOP, Purpose.WRITE)

    assert len(mint.asked) == len(PERMISSIONS[Purpose.WRITE])


@pytest.mark.parametrize(
    "failure",
    [
        AskPerson("The installation is suspended."),
        Refused("No token.", words="There is at least one repository that does not exist.", status=422),
        Refused("No token.", words="The permissions requested are not granted.", status=409),
    ],
    ids=str,
)
async def test_another_failure_is_not_taken_for_a_lack_of_permissions(mint: FakeMint, failure: OnceoverError) -> None:
    mint.fails_with = failure

    with pytest.raises(type(failure)):
        await MintedTokens(mint).token(SHOP, Purpose.WRITE)

    assert len(mint.asked) == 1


def test_the_app_itself_is_a_mint() -> None:
    """Told by the type checker."""

    def mint_of(app: GitHubApp) -> Mint:
        return app

    assert callable(mint_of)
