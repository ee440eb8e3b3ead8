"""What the doctor says of the App, by what GitHub answers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from bot.app_credentials import ALL_ROLES, Role
from bot.doctor.app_checks import AppAtHand, app_checks
from bot.doctor.check import examine
from bot.doctor.outcome import Failed, Ok, Outcome, Skipped, Warned
from bot.settings import read_settings
from bot.settings_tree import Settings
from bot.setup.app_needs import EVENTS, PERMISSIONS
from pipeline.engine.errors import AskPerson
from pipeline.services.github.errors import NotAllowed
from pipeline.services.github.models import App, Delivery, HookConfig, Installation, User

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
GRANTED = {name: need.level for name, need in PERMISSIONS.items()}
NEVER = "http://127.0.0.1:9"


def make_settings(**variables: str) -> Settings:
    given = {
        "ONCEOVER_GITHUB_APP_ID": "12",
        "ONCEOVER_GITHUB_PRIVATE_KEY": "-----BEGIN RSA PRIVATE KEY-----\ncanary\n",
        "ONCEOVER_GITHUB_WEBHOOK_SECRET": "canary-hook",
        "ONCEOVER_SECRET_KEY": "canary" * 8,
        "ONCEOVER_GITHUB_API_URL": NEVER,
    }
    return read_settings({"HOME": "/nonexistent"} | given | variables, None)


@dataclass
class FakeApp:
    """GitHub, as a test wants it to answer."""

    description: App = field(
        default_factory=lambda: App(id=12, slug="onceover-acme", permissions=GRANTED, events=tuple(EVENTS))
    )
    config: HookConfig = field(default_factory=lambda: HookConfig(url="https://onceover.example/webhooks/github"))
    installed: Sequence[Installation] = field(default_factory=lambda: (make_installation("acme"),))
    failed: Sequence[Delivery] = ()
    succeeded: Sequence[Delivery] = ()
    since: list[datetime] = field(default_factory=list)

    async def app(self) -> App:
        """Describe the App."""
        return self.description

    async def hook(self) -> HookConfig:
        """Describe its webhook."""
        return self.config

    async def installations(self) -> Sequence[Installation]:
        """List its installations."""
        return self.installed

    async def deliveries(self, *, since: datetime, status: str | None = None) -> Sequence[Delivery]:
        """List its deliveries."""
        self.since.append(since)
        return self.failed if status == "failure" else self.succeeded


def make_installation(login: str, **changed: object) -> Installation:
    made = Installation(id=1, account=User(id=1, login=login), permissions=GRANTED)
    return made.model_copy(update=changed)


def make_delivery(guid: str, code: int = 200) -> Delivery:
    return Delivery(id=1, guid=guid, delivered_at=NOON - timedelta(hours=1), status_code=code)


async def look(
    view: FakeApp | AskPerson | None, settings: Settings | None = None, roles: frozenset[Role] = ALL_ROLES
) -> dict[str, Outcome]:
    at = AppAtHand(settings=settings or make_settings(), roles=roles, view=view)
    found = await examine(app_checks(at, now=lambda: NOON))
    assert "canary" not in repr(found)
    return {one.name: one.outcome for one in found}


async def test_an_app_that_has_what_it_needs_is_fine() -> None:
    found = await look(FakeApp())

    states = {name: outcome.state for name, outcome in found.items() if name != "clock.github"}
    assert set(states.values()) == {"ok"}, found
    assert found["app.known"].said == "GitHub knows us as onceover-acme."
    assert found["app.installations"].said == "Installed for acme."


async def test_without_an_app_all_is_skipped_and_one_line_says_how_to_get_one() -> None:
    found = await look(None, read_settings({"HOME": "/nonexistent"}, None))

    assert {type(outcome) for outcome in found.values()} == {Skipped}
    assert [outcome.next_step for outcome in found.values() if outcome.next_step] == ["`onceover setup` registers one."]


async def test_a_key_that_github_refuses_is_told_once() -> None:
    class Refusing(FakeApp):
        async def app(self) -> App:
            raise NotAllowed("GET /app: 401.", next_step="Correct the key.")

    found = await look(Refusing())

    assert found["app.known"] == Failed(said="GET /app: 401.", next_step="Correct the key.")
    others = ("app.permissions", "app.events", "app.installations", "app.webhook", "app.deliveries")
    assert {found[name] for name in others} == {Skipped(said="GitHub does not take our key; see app.known.")}


async def test_what_the_roles_of_this_host_lack_is_named() -> None:
    settings = read_settings({"HOME": "/nonexistent", "ONCEOVER_GITHUB_APP_ID": "12"}, None)

    found = await look(AskPerson("no key"), settings)

    assert isinstance(found["app.credentials"], Failed)
    assert "ONCEOVER_GITHUB_WEBHOOK_SECRET (for door)" in found["app.credentials"].said
    assert "`onceover setup`" in found["app.credentials"].next_step
    assert isinstance(found["app.known"], Skipped)


async def test_without_a_shared_secret_processes_on_one_host_work_and_the_rest_is_told() -> None:
    found = await look(FakeApp(), make_settings(ONCEOVER_SECRET_KEY=""))

    assert isinstance(found["app.credentials"], Warned)
    assert "ONCEOVER_SECRET_KEY is not set; processes share one in " in found["app.credentials"].said
    assert "secrets.token_urlsafe(32)" in found["app.credentials"].next_step


async def test_a_host_of_reviewers_needs_no_app_key() -> None:
    settings = read_settings({"HOME": "/nonexistent", "ONCEOVER_SECRET_KEY": "canary" * 8}, None)

    found = await look(None, settings, frozenset({Role.REVIEWER}))

    assert isinstance(found["app.credentials"], Ok)
    assert found["app.known"] == Skipped(said="The roles of this host hold no App key.")


async def test_a_host_of_reviewers_that_holds_the_app_key_is_warned() -> None:
    found = await look(None, make_settings(ONCEOVER_GITHUB_WEBHOOK_SECRET=""), frozenset({Role.REVIEWER}))

    assert found["app.credentials"] == Warned(
        said="ONCEOVER_GITHUB_PRIVATE_KEY is held by a process that is reviewer only.",
        next_step="Take it out of that process's environment.",
    )


async def test_a_key_that_others_may_read_is_a_warning(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("-----BEGIN RSA PRIVATE KEY-----\n")
    key.chmod(0o644)

    found = await look(
        FakeApp(), make_settings(ONCEOVER_GITHUB_PRIVATE_KEY="", ONCEOVER_GITHUB_PRIVATE_KEY_FILE=str(key))
    )

    assert found["app.credentials"] == Warned(
        said=f"Other users of this machine may read {key}.", next_step=f"Run chmod 600 {key}."
    )


async def test_a_key_of_another_app_is_told() -> None:
    found = await look(FakeApp(description=App(id=13, slug="other")))

    assert isinstance(found["app.known"], Failed)
    assert "The key is that of App 13, and ONCEOVER_GITHUB_APP_ID is 12." in found["app.known"].said


@pytest.mark.parametrize(
    ("changed", "outcome", "said"),
    [
        ({"checks": "read"}, Failed, "checks is not write, needed to show the check run"),
        ({"contents": None}, Failed, "contents is not read"),
        ({"merge_queues": None, "statuses": None}, Warned, "merge_queues is not read"),
        ({"merge_queues": None, "checks": None}, Failed, "merge_queues is not read"),
        ({"issues": "write"}, Ok, "The App asks for all that it needs."),
        ({"contents": "sideways"}, Failed, "contents is not read"),
    ],
)
async def test_permissions_are_compared_with_what_is_needed(
    changed: dict[str, str | None], outcome: type, said: str
) -> None:
    granted = {name: level for name, level in (GRANTED | changed).items() if level}

    found = await look(FakeApp(description=App(id=12, slug="a", permissions=granted, events=tuple(EVENTS))))

    assert isinstance(found["app.permissions"], outcome)
    assert said in found["app.permissions"].said


@pytest.mark.parametrize(("absent", "outcome"), [("pull_request", Failed), ("merge_group", Warned)])
async def test_an_event_that_is_not_subscribed_is_told(absent: str, outcome: type) -> None:
    events = tuple(event for event in EVENTS if event != absent)

    found = await look(FakeApp(description=App(id=12, slug="a", permissions=GRANTED, events=events)))

    assert isinstance(found["app.events"], outcome)
    assert absent in found["app.events"].said


async def test_installations_that_cannot_work_are_named() -> None:
    nowhere = await look(FakeApp(installed=()))
    no_queues = {name: level for name, level in GRANTED.items() if name != "merge_queues"}
    others = (make_installation("ok"), make_installation("small", permissions=no_queues))
    behind = await look(FakeApp(installed=(make_installation("acme", permissions={}), *others)))
    suspended = await look(FakeApp(installed=(make_installation("e\x1bvil", suspended_at=NOON),)))

    assert f"{NEVER}/apps/onceover-acme/installations/new" in nowhere["app.installations"].next_step
    assert behind["app.installations"].said == "These accounts have not granted all permissions: acme."
    assert suspended["app.installations"].said.startswith("Suspended: e")
    assert "\x1b" not in suspended["app.installations"].said


@pytest.mark.parametrize(
    ("config", "outcome", "said"),
    [
        (HookConfig(), Failed, "The App has no webhook URL"),
        (HookConfig(url="https://smee.example/x"), Warned, "our door is at the path /webhooks/github"),
        (HookConfig(url="https://old.example/webhooks/github"), Warned, "ONCEOVER_PUBLIC_URL is https://new.example"),
        (HookConfig(url="https://new.example/webhooks/github", insecure_ssl="1"), Warned, "does not check the cert"),
        (HookConfig(url="https://new.example/webhooks/github", insecure_ssl="0"), Ok, "GitHub delivers to"),
    ],
)
async def test_the_webhook_is_compared_with_our_address(config: HookConfig, outcome: type, said: str) -> None:
    found = await look(FakeApp(config=config), make_settings(ONCEOVER_PUBLIC_URL="https://new.example"))

    assert isinstance(found["app.webhook"], outcome)
    assert said in found["app.webhook"].said


async def test_deliveries_that_never_arrived_are_counted_once_and_those_recovered_not_at_all() -> None:
    app = FakeApp(
        failed=[make_delivery("lost", 503), make_delivery("lost", 503), make_delivery("found", 0)],
        succeeded=[make_delivery("found"), make_delivery("good")],
    )

    found = await look(app)

    assert found["app.deliveries"] == Warned(
        said="1 delivery of 3 days did not arrive (1 x HTTP 503), the last 09-01 11:00 UTC.",
        next_step="See that GitHub reaches `onceover serve` at the public URL, then run `onceover deliveries recover`.",
    )
    assert app.since == [NOON - timedelta(days=3)] * 2


async def test_deliveries_with_a_wrong_signature_point_at_the_secret() -> None:
    found = await look(FakeApp(failed=[make_delivery("lost", 401)]))

    assert "ONCEOVER_GITHUB_WEBHOOK_SECRET" in found["app.deliveries"].next_step


@asynccontextmanager
async def a_clock_at(moment: datetime) -> AsyncIterator[str]:
    """Serve nothing but the time."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nDate: {format_datetime(moment, usegmt=True)}\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("ahead_seconds", "outcome", "said"),
    [
        (0, Ok, "agree"),
        (20, Warned, "20 s behind GitHub's"),
        (300, Failed, "300 s behind GitHub's"),
        (-300, Failed, "300 s ahead of GitHub's"),
    ],
)
async def test_our_clock_is_compared_with_github_s(ahead_seconds: int, outcome: type, said: str) -> None:
    async with a_clock_at(NOON + timedelta(seconds=ahead_seconds)) as url:
        found = await look(FakeApp(), make_settings(ONCEOVER_GITHUB_API_URL=url))

    assert isinstance(found["clock.github"], outcome), found["clock.github"]
    assert said in found["clock.github"].said


async def test_a_github_that_cannot_be_reached_is_told() -> None:
    found = await look(FakeApp())

    assert isinstance(found["clock.github"], Failed)
    assert f"{NEVER} cannot be reached" in found["clock.github"].said
