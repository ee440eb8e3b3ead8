"""Token desk: a reviewer without the App's key gets a read token for one repository, and nothing else does."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from redis.asyncio import Redis

from pipeline.engine.errors import AskPerson, Bug, GiveUp, OnceoverError, RetryLater
from pipeline.services.desk_tokens import NoBroker, TokenStoreAway
from pipeline.services.github.errors import Gone, Limit, NotAllowed, RateLimited
from pipeline.services.github.place import Place, Purpose
from pipeline.services.minted_tokens import MARGIN_SECONDS, PERMISSIONS
from pipeline.services.sealing import KeyNotShared, Sealer, Tampered
from pipeline.services.token_letters import REQUEST_SECONDS_MAX, Letters, TokenRequest
from tests.conftest import StartRedis
from tests.services.token_world import BARN, SECRET, SHOP, Clock, Office, now_ms, open_desk

LETTERS = Letters(sealer=Sealer(SecretStr(SECRET)), prefix="onceover:")
MAILBOX = LETTERS.mailbox_key(SHOP.installation, SHOP.repository_id)


@pytest.fixture
def office(redis: Redis) -> Office:
    return Office(redis=redis)


@pytest.fixture
async def served(office: Office) -> AsyncIterator[Office]:
    """The office with a broker at its desk."""
    async with open_desk(office.desk()):
        yield office


def make_request(*, purpose: str = "read", run_id: str = "r_1", at_ms: int = 0) -> TokenRequest:
    return TokenRequest(
        run_id=run_id,
        installation=SHOP.installation,
        repository_id=SHOP.repository_id,
        repository=SHOP.repository,
        purpose=purpose,
        answer_id="0" * 32,
        at_ms=at_ms or now_ms(),
    )


async def everything_in(redis: Redis) -> bytes:
    """All keys with their stored values, as a backup would hold them."""
    return b"".join([key + await redis.dump(key) async for key in redis.scan_iter()])


# The usual way


async def test_a_reviewer_gets_a_read_token_for_its_one_repository(served: Office) -> None:
    token = await served.run().token(SHOP, Purpose.READ)

    assert token.get_secret_value() == "minted-1-for-101"
    assert served.mint.asked == [(7, (101,), PERMISSIONS[Purpose.READ][0])]


async def test_many_reviewers_at_once_cost_one_mint_for_a_repository(served: Office) -> None:
    got = await asyncio.gather(*(served.run().token(place, Purpose.READ) for place in (SHOP, BARN) for _ in range(20)))

    assert len({token.get_secret_value() for token in got}) == 2
    assert len(served.mint.asked) == 2


async def test_many_reviewers_at_once_share_one_failure_too(served: Office) -> None:
    """A refusing GitHub is not asked once for each of them."""
    served.mint.gate = asyncio.Event()
    served.mint.fails_with = NotAllowed("The installation is suspended.")
    served.all_looked_up = (10, served.mint.gate)

    got = await asyncio.gather(
        *(served.run().token(SHOP, Purpose.READ) for _ in range(10)),
        return_exceptions=True,
    )

    assert {type(one) for one in got} == {AskPerson}
    assert len(served.mint.asked) == 1


async def test_a_token_lasts_for_all_runs_of_a_process_until_shortly_before_its_end(served: Office) -> None:
    clock = Clock()
    reviewer = served.reviewer(clock=clock)
    first = await reviewer.for_run("r_1").token(SHOP, Purpose.READ)
    served.runs.clear()

    clock.seconds = served.mint.life_seconds - MARGIN_SECONDS - 2
    again = await reviewer.for_run("r_2").token(SHOP, Purpose.READ)
    await served.redis.delete(MAILBOX)
    clock.seconds += 3

    assert again == first
    with pytest.raises(AskPerson, match="no live run r_2"):  # It had to ask.
        await reviewer.for_run("r_2").token(SHOP, Purpose.READ)


async def test_another_process_finds_the_token_without_a_broker(office: Office) -> None:
    async with open_desk(office.desk()):
        first = await office.run().token(SHOP, Purpose.READ)

    assert await office.run().token(SHOP, Purpose.READ) == first


async def test_the_mailbox_is_emptied_before_the_token_ends(served: Office) -> None:
    await served.run().token(SHOP, Purpose.READ)

    left_seconds = await served.redis.pttl(MAILBOX) / 1000

    assert MARGIN_SECONDS < served.mint.life_seconds - left_seconds < 2 * MARGIN_SECONDS + 60


async def test_a_token_about_to_end_is_not_left_for_others(served: Office) -> None:
    served.mint.life_seconds = MARGIN_SECONDS

    await served.run().token(SHOP, Purpose.READ)

    assert not await served.redis.exists(MAILBOX)


async def test_redis_never_holds_a_token_that_can_be_read(served: Office) -> None:
    """Security case 97: also not in the answer, which lies there until it is fetched."""
    await served.post(LETTERS.write_request(make_request()))
    await served.run().token(SHOP, Purpose.READ)

    backup = await everything_in(served.redis)

    assert b"token:read" in backup
    assert b"minted" not in backup


async def test_what_is_left_in_redis_goes_away_by_itself(served: Office) -> None:
    await served.post(LETTERS.write_request(make_request()))
    await served.run().token(SHOP, Purpose.READ)

    assert [key async for key in served.redis.scan_iter() if await served.redis.ttl(key) < 0] == []


# Refusals


@pytest.mark.parametrize(
    ("place", "run_id"), [(SHOP, "r_9"), (BARN, "r_1")], ids=["no such run", "a run of another repository"]
)
async def test_without_a_live_run_of_that_repository_there_is_no_token(
    served: Office, place: Place, run_id: str
) -> None:
    served.runs = {("r_1", SHOP.installation, SHOP.repository_id)}

    with pytest.raises(AskPerson, match="The broker knows no live run") as refused:
        await served.run(run_id).token(place, Purpose.READ)

    assert refused.value.error_code == "token_refused_run"
    assert served.mint.asked == []


@pytest.mark.parametrize(
    ("trouble", "told_as"),
    [
        (RateLimited("GitHub says: slow down.", limit=Limit.PRIMARY, after_seconds=90), RetryLater),
        (NotAllowed("The installation is suspended.", next_step="Unsuspend it."), AskPerson),
        (Gone("The App is not installed there."), GiveUp),
        (Bug("We asked nonsense."), RetryLater),
        (RuntimeError("minted-0 in a foreign error"), RetryLater),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
async def test_a_refusal_tells_what_can_be_done(
    served: Office, trouble: Exception, told_as: type[OnceoverError]
) -> None:
    served.mint.fails_with = trouble

    with pytest.raises(told_as) as refused:
        await served.run().token(SHOP, Purpose.READ)

    if isinstance(trouble, OnceoverError):
        assert (refused.value.message, refused.value.error_code) == (trouble.message, trouble.error_code)
    if isinstance(trouble, RateLimited):
        assert isinstance(refused.value, RetryLater)
        assert refused.value.retry_after_seconds == 90
    if isinstance(trouble, NotAllowed):
        assert refused.value.next_step == "Unsuspend it."
    assert "minted" not in str(refused.value)


async def test_after_a_refusal_the_next_request_is_looked_at_anew(served: Office) -> None:
    served.mint.fails_with = NotAllowed("The installation is suspended.")
    with pytest.raises(AskPerson):
        await served.run().token(SHOP, Purpose.READ)

    served.mint.fails_with = None

    assert await served.run().token(SHOP, Purpose.READ)


async def test_without_a_broker_the_reviewer_is_told_which_worker_to_start(office: Office) -> None:
    with pytest.raises(NoBroker, match="Is a worker with the role broker running"):
        await office.reviewer(wait_seconds=0.02, asks_max=2).for_run("r_1").token(SHOP, Purpose.READ)

    assert 0 < await office.redis.ttl(LETTERS.requests_key) <= 60


async def test_a_reviewer_never_gets_a_write_token(served: Office) -> None:
    with pytest.raises(Bug, match="read tokens only"):
        await served.run().token(SHOP, Purpose.WRITE)

    assert served.mint.asked == []


async def test_the_desk_refuses_a_write_token_also_to_who_holds_the_secret(served: Office) -> None:
    """A reviewer that was taken over can sign what it likes."""
    request = make_request(purpose="write")
    await served.post(LETTERS.write_request(request))

    raw = await served.take_answer(request.answer_id)

    assert "none to 'write'" in LETTERS.read_answer(request.answer_id, raw, now_ms=now_ms()).model_dump_json()
    assert served.mint.asked == []


@pytest.mark.parametrize("who", ["broker", "reviewer"])
async def test_processes_with_different_secrets_are_told_so(office: Office, who: str) -> None:
    secrets = {"broker": SECRET, "reviewer": SECRET, who: SECRET + "!"}

    async with open_desk(office.desk(secret=secrets["broker"])):
        with pytest.raises(KeyNotShared, match="do not share one ONCEOVER_SECRET_KEY"):
            await office.reviewer(secret=secrets["reviewer"]).for_run("r_1").token(SHOP, Purpose.READ)

    assert office.mint.asked == []


# What somebody puts into Redis

HOSTILE: dict[str, Callable[[], str | bytes]] = {
    "nothing": lambda: b"",
    "no JSON": lambda: b"\x80\x04pickle",
    "deep": lambda: "[" * 2_000,
    "too long": lambda: LETTERS.write_request(make_request()) + " " * 5_000,
    "unsigned": lambda: json.dumps({"text": make_request().model_dump_json(), "signature": ""}),
    "signed by nobody": lambda: json.dumps(
        {"text": make_request().model_dump_json(), "signature": LETTERS.sealer.sign("other", "text")}
    ),
    "changed": lambda: LETTERS.write_request(make_request()).replace("101", "102"),
    "signed nonsense": lambda: json.dumps({"text": "{}", "signature": LETTERS.sealer.sign("token.request", "{}")}),
    "too old": lambda: LETTERS.write_request(make_request(at_ms=now_ms() - round(REQUEST_SECONDS_MAX * 1000) - 1_000)),
    "from the future": lambda: LETTERS.write_request(make_request(at_ms=now_ms() + 60_000)),
    "a lone surrogate": lambda: r'{"text": "\ud800", "signature": "1.00000000.%s"}' % ("0" * 64),
    "other secret, other answer": lambda: json.dumps(
        {"text": '{"answer_id": "../x"}', "signature": Sealer(SecretStr(SECRET + "!")).sign("token.request", "")}
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_what_is_no_good_request_is_dropped_and_the_next_one_answered(
    served: Office, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Security case 93."""
    await served.post(HOSTILE[kind]())

    token = await served.run().token(SHOP, Purpose.READ)

    assert token.get_secret_value() == "minted-1-for-101"
    assert not await served.redis.exists(LETTERS.answer_key("0" * 32))
    assert not re.search("Traceback|minted-", caplog.text)


@given(raw=st.binary() | st.builds(lambda text: json.dumps({"text": text, "signature": text}).encode(), st.text()))
def test_no_bytes_break_the_reader_of_letters(raw: bytes) -> None:
    with pytest.raises((Tampered, KeyNotShared)):
        LETTERS.read_request(raw)

    assert LETTERS.claimed_answer_id(raw) is None
    assert LETTERS.read_token(MAILBOX, raw, now_ms=0) is None
    with pytest.raises((Tampered, KeyNotShared)):
        LETTERS.read_answer("0" * 32, raw, now_ms=0)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff", "of another repository"])
async def test_what_does_not_open_in_a_mailbox_is_replaced(served: Office, content: bytes | str) -> None:
    await served.run().token(BARN, Purpose.READ)
    stolen = await served.redis.get(LETTERS.mailbox_key(BARN.installation, BARN.repository_id))
    await served.redis.set(MAILBOX, stolen if isinstance(content, str) else content)

    token = await served.run().token(SHOP, Purpose.READ)

    assert token.get_secret_value() == "minted-2-for-101"


# Rejected tokens


async def test_a_token_that_github_rejected_is_dropped_for_all(served: Office) -> None:
    mine, theirs = served.run(), served.run()
    old = await mine.token(SHOP, Purpose.READ)

    await mine.refuse(old)
    new = await theirs.token(SHOP, Purpose.READ)

    assert new != old
    assert await mine.token(SHOP, Purpose.READ) == new


async def test_a_late_complaint_does_not_drop_the_token_that_others_got_meanwhile(served: Office) -> None:
    quick, slow = served.run(), served.run()
    old = await quick.token(SHOP, Purpose.READ)
    assert await slow.token(SHOP, Purpose.READ) == old

    await quick.refuse(old)
    new = await quick.token(SHOP, Purpose.READ)
    await slow.refuse(old)

    assert await slow.token(SHOP, Purpose.READ) == new
    assert len(served.mint.asked) == 2


async def test_a_token_that_nobody_here_knows_is_nothing_to_drop(served: Office) -> None:
    kept = await served.run().token(SHOP, Purpose.READ)

    await served.run().refuse(SecretStr("another"))

    assert await served.run().token(SHOP, Purpose.READ) == kept


# Crashes


async def test_a_request_made_while_no_broker_was_there_is_answered_by_the_next(office: Office) -> None:
    asking = asyncio.create_task(office.run().token(SHOP, Purpose.READ))
    await office.wait_for_request()

    async with open_desk(office.desk()):
        token = await asking

    assert token.get_secret_value() == "minted-1-for-101"


async def test_a_broker_that_ends_in_the_middle_costs_a_wait_and_no_answer(office: Office) -> None:
    office.mint.gate = asyncio.Event()
    reviewer = office.reviewer(wait_seconds=0.3).for_run("r_1")
    asking = asyncio.create_task(reviewer.token(SHOP, Purpose.READ))
    async with open_desk(office.desk()):
        await office.mint.is_asked.wait()
    office.mint.gate = None

    async with open_desk(office.desk()):
        token = await asking

    assert token.get_secret_value() == "minted-2-for-101"


async def test_a_reviewer_that_is_cancelled_leaves_nothing_that_hinders_the_next(served: Office) -> None:
    served.mint.gate = asyncio.Event()
    reviewer = served.run()
    asking = asyncio.create_task(reviewer.token(SHOP, Purpose.READ))
    await served.mint.is_asked.wait()

    asking.cancel()
    await asyncio.wait({asking})
    served.mint.gate.set()

    assert await reviewer.token(SHOP, Purpose.READ)


async def test_a_redis_that_goes_away_is_waited_for(start_redis: StartRedis) -> None:
    server = start_redis()
    async with Redis.from_url(server.url) as redis:
        office = Office(redis=redis)
        async with open_desk(office.desk()):
            await office.run().token(SHOP, Purpose.READ)
            server.kill()

            with pytest.raises(TokenStoreAway, match="Redis does not answer"):
                await office.run().token(SHOP, Purpose.READ)
            server.restart()
            token = await office.run().token(SHOP, Purpose.READ)

    assert token.get_secret_value() == "minted-2-for-101"
