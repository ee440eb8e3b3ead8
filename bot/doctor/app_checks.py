"""App checks: does GitHub know us by our key, does the App have what it needs, do its webhooks arrive."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

import httpx2

from bot.app_credentials import GENERATE, SECRET_KEY, Role, held_against, missing_for, read_private_key, wanted_by
from bot.doctor.check import Check
from bot.doctor.outcome import Failed, Ok, Outcome, Skipped, Warned
from bot.settings_tree import PRIVATE_KEY, Settings
from bot.setup.app_needs import EVENTS, PERMISSIONS, is_enough
from bot.setup.hosts import web_url_of
from bot.setup.public_url import WEBHOOK_PATH
from pipeline.engine.errors import OnceoverError
from pipeline.review.visible import visible
from pipeline.review.wording import count

DELIVERIES_DAYS: Final = 3
"""How long github.com keeps deliveries, and so how far back a failed one can still be redelivered."""

DRIFT_SECONDS_WARNED: Final = 10.0
DRIFT_SECONDS_FAILED: Final = 50.0
"""The App's JWT is dated a minute back; a clock further behind or ahead gets 401."""

DATE_SECONDS_MAX: Final = 10.0

NAMED_MAX: Final = 5
"""Accounts or reasons named in one sentence."""

DELIVERY: Final = ("delivery", "deliveries")

OTHERS_READ: Final = 0o077

NO_APP: Final = "There is no GitHub App yet; reviews of local repositories work without."
SET_UP: Final = "`onceover setup` registers one."
PAGE: Final = "Change it on the App's page on GitHub, under Developer settings"


class AppSeen(Protocol):
    """The App as GitHub describes it."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def slug(self) -> str:
        """Its name in addresses."""

    @property
    def permissions(self) -> Mapping[str, str]:
        """What it asks for."""

    @property
    def events(self) -> Sequence[str]:
        """What it subscribes to."""


class HookSeen(Protocol):
    """Where GitHub delivers."""

    @property
    def url(self) -> str | None:
        """The address; None or empty if the webhook is off."""

    @property
    def insecure_ssl(self) -> str | float | None:
        """1 if GitHub does not look at the certificate."""


class AccountSeen(Protocol):
    """Who has installed the App."""

    @property
    def login(self) -> str:
        """The account's name."""


class InstallationSeen(Protocol):
    """The App in one account."""

    @property
    def account(self) -> AccountSeen | None:
        """Whose; None if it was deleted."""

    @property
    def permissions(self) -> Mapping[str, str]:
        """What the account has granted."""

    @property
    def suspended_at(self) -> datetime | None:
        """Since when it may do nothing."""


class DeliverySeen(Protocol):
    """A webhook that was sent."""

    @property
    def guid(self) -> str:
        """The same for a redelivery."""

    @property
    def delivered_at(self) -> datetime:
        """When."""

    @property
    def status_code(self) -> int:
        """What we answered; 0 if nothing came."""


class AppView(Protocol):
    """GitHub, asked in the name of the App."""

    async def app(self) -> AppSeen:
        """Describe the App."""

    async def hook(self) -> HookSeen:
        """Describe its webhook."""

    async def installations(self) -> Sequence[InstallationSeen]:
        """List its installations."""

    async def deliveries(self, *, since: datetime, status: str | None = None) -> Sequence[DeliverySeen]:
        """List webhooks that were sent, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAtHand:
    """What is to be examined."""

    settings: Settings
    roles: Collection[Role]
    """Those that this host holds; the others' credentials may be elsewhere."""
    view: AppView | OnceoverError | None
    """GitHub by the App's key, why it cannot be asked, or None if the roles have no key."""


def app_checks(at: AppAtHand, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> tuple[Check, ...]:
    """List the checks of the App.

    Args:
        at: The App.
        now: The time by this machine.
    """
    return (
        Check(name="app.credentials", ask=lambda: asyncio.to_thread(_credentials, at)),
        Check(name="app.known", ask=lambda: _known(at)),
        Check(name="app.permissions", ask=lambda: _permissions(at)),
        Check(name="app.events", ask=lambda: _events(at)),
        Check(name="app.installations", ask=lambda: _installations(at)),
        Check(name="app.webhook", ask=lambda: _webhook(at)),
        Check(name="app.deliveries", ask=lambda: _deliveries(at, now())),
        Check(name="clock.github", ask=lambda: _clock(at, now)),
    )


def is_there(settings: Settings) -> bool:
    """Whether anybody began to set up an App."""
    github = settings.github
    given = (github.app_id, github.private_key, github.private_key_file, github.webhook_secret)
    return any(one is not None for one in (*given, settings.trust.secret_key))


def _credentials(at: AppAtHand) -> Outcome:
    if not is_there(at.settings):
        return Skipped(said=NO_APP, next_step=SET_UP)
    if lacks := missing_for(at.roles, at.settings):
        said = ", ".join(f"{lack.variable} (for {', '.join(lack.roles)})" for lack in lacks)
        return Failed(said=f"Not set: {said}.", next_step=_credentials_step([lack.variable for lack in lacks]))
    if held := held_against(at.roles, at.settings):
        return Warned(said=" ".join(f"{lack.variable} {lack.why}." for lack in held), next_step=held[0].next_step)
    if PRIVATE_KEY in wanted_by(at.roles):
        read_private_key(at.settings)
    github, storage = at.settings.github, at.settings.storage
    readable = [
        path
        for path in (github.private_key_file, storage.credentials_path)
        if path is not None and path.exists() and path.stat().st_mode & OTHERS_READ
    ]
    if readable:
        named = " and ".join(map(str, readable))
        return Warned(said=f"Other users of this machine may read {named}.", next_step=f"Run chmod 600 {readable[0]}.")
    return Ok(said=f"All that {', '.join(sorted(at.roles))} need is set.")


def _credentials_step(lacking: Sequence[str]) -> str:
    if list(lacking) == [SECRET_KEY]:
        return f"Set it. {GENERATE}"
    return "`onceover setup` makes all of them for a new App; for one that you have, set them in the environment."


def _view(at: AppAtHand) -> AppView | Skipped:
    """Give the way to ask GitHub, or why there is none.

    Raises:
        OnceoverError: The App's key cannot be used.
    """
    if isinstance(at.view, OnceoverError):
        return Skipped(said="GitHub cannot be asked without the App's credentials.")
    if at.view is None:
        has_app = is_there(at.settings)
        return Skipped(said="The roles of this host hold no App key." if has_app else "There is no GitHub App yet.")
    return at.view


async def _known(at: AppAtHand) -> Outcome:
    view = _view(at)
    if isinstance(view, Skipped):
        return view
    app = await view.app()
    if app.id != at.settings.github.app_id:
        return Failed(
            said=f"The key is that of App {app.id}, and ONCEOVER_GITHUB_APP_ID is {at.settings.github.app_id}.",
            next_step="Set both to the same App.",
        )
    return Ok(said=f"GitHub knows us as {_shown(app.slug)}.")


async def _permissions(at: AppAtHand) -> Outcome:
    view = _view(at)
    if isinstance(view, Skipped):
        return view
    lacking = _lacking((await view.app()).permissions)
    if not lacking:
        return Ok(said="The App asks for all that it needs.")
    said = "; ".join(f"{name} is not {PERMISSIONS[name].level}, needed {PERMISSIONS[name].why}" for name in lacking)
    next_step = f"{PAGE}, Permissions; then each account has to accept them."
    if lacking == ["merge_queues"]:
        return Warned(said=f"{said}.", next_step=f"Without a merge queue it can stay so. {next_step}")
    return Failed(said=f"{said}.", next_step=next_step)


async def _events(at: AppAtHand) -> Outcome:
    view = _view(at)
    if isinstance(view, Skipped):
        return view
    events = (await view.app()).events
    absent = [event for event in EVENTS if event not in events]
    if not absent:
        return Ok(said="The App subscribes to all that it acts on.")
    said = f"Not subscribed: {', '.join(f'{name} ({EVENTS[name]})' for name in absent)}."
    next_step = f"{PAGE}, Permissions & events."
    if "pull_request" in absent:
        return Failed(said=said, next_step=next_step)
    return Warned(said=said, next_step=next_step)


async def _installations(at: AppAtHand) -> Outcome:
    view = _view(at)
    if isinstance(view, Skipped):
        return view
    installations, app = await asyncio.gather(view.installations(), view.app())
    if not installations:
        host = at.settings.github.web_url or web_url_of(at.settings.github.api_url)
        next_step = f"Install it: {host}/apps/{_shown(app.slug)}/installations/new"
        return Warned(said="The App is installed nowhere, so there is nothing to review.", next_step=next_step)
    suspended = [one for one in installations if one.suspended_at]
    behind = [one for one in installations if not one.suspended_at and _lacking(one.permissions)]
    if behind:
        return Warned(
            said=f"These accounts have not granted all permissions: {_named(behind)}.",
            next_step="Their owners accept the new permissions under Settings, GitHub Apps.",
        )
    if suspended:
        return Warned(
            said=f"Suspended: {_named(suspended)}.", next_step="Their owners can unsuspend the App or remove it."
        )
    return Ok(said=f"Installed for {_named(installations)}.")


async def _webhook(at: AppAtHand) -> Outcome:
    view = _view(at)
    if isinstance(view, Skipped):
        return view
    hook, public_url = await view.hook(), at.settings.web.public_url
    next_step = f"{PAGE}, General, Webhook."
    if not hook.url:
        return Failed(said="The App has no webhook URL, so nothing is delivered.", next_step=next_step)
    if not hook.url.endswith(WEBHOOK_PATH):
        said = f"GitHub delivers to {_shown(hook.url)}; our door is at the path {WEBHOOK_PATH}."
        return Warned(said=said, next_step=f"Unless a forwarder stands between: {next_step[0].lower()}{next_step[1:]}")
    if public_url and hook.url != public_url + WEBHOOK_PATH:
        said = f"GitHub delivers to {_shown(hook.url)}, and ONCEOVER_PUBLIC_URL is {public_url}."
        return Warned(said=said, next_step=f"Correct one of them. {next_step}")
    if str(hook.insecure_ssl or "0") not in {"0", "0.0"}:
        return Warned(said="GitHub does not check the certificate of our address.", next_step=next_step)
    return Ok(said=f"GitHub delivers to {_shown(hook.url)}.")


async def _deliveries(at: AppAtHand, now: datetime) -> Outcome:
    view = _view(at)
    if isinstance(view, Skipped):
        return view
    since = now - timedelta(days=DELIVERIES_DAYS)
    failed, good = await asyncio.gather(
        view.deliveries(since=since, status="failure"), view.deliveries(since=since, status="success")
    )
    recovered = {one.guid for one in good}
    lost = {one.guid: one for one in failed if one.guid not in recovered}
    if not lost:
        return Ok(said=f"{count(len(recovered), *DELIVERY)} arrived in {DELIVERIES_DAYS} days, and none is missing.")
    codes = Counter(one.status_code for one in lost.values()).most_common(NAMED_MAX)
    said = ", ".join(f"{times} x {f'HTTP {code}' if code else 'no answer'}" for code, times in codes)
    newest = max(one.delivered_at for one in lost.values()).astimezone(UTC)
    told = f"{count(len(lost), *DELIVERY)} of {DELIVERIES_DAYS} days did not arrive ({said})"
    return Warned(
        said=f"{told}, the last {newest:%m-%d %H:%M} UTC.", next_step=_delivery_step({code for code, _ in codes})
    )


def _delivery_step(codes: Collection[int]) -> str:
    if 401 in codes:  # noqa: PLR2004  The door's answer to a bad signature.
        return "Set ONCEOVER_GITHUB_WEBHOOK_SECRET to the App's secret, then run `onceover deliveries recover`."
    return "See that GitHub reaches `onceover serve` at the public URL, then run `onceover deliveries recover`."


async def _clock(at: AppAtHand, now: Callable[[], datetime]) -> Outcome:
    if not is_there(at.settings):
        return Skipped(said="There is no GitHub App yet.")
    api_url = at.settings.github.api_url
    before = now()
    try:
        async with httpx2.AsyncClient(timeout=DATE_SECONDS_MAX, follow_redirects=False) as client:
            told = (await client.head(api_url)).headers.get("Date", "")
    except httpx2.HTTPError as error:
        return Failed(
            said=f"{api_url} cannot be reached: {type(error).__name__}.",
            next_step="Check the network, the proxy and ONCEOVER_GITHUB_API_URL.",
        )
    try:
        drift = (parsedate_to_datetime(told) - before).total_seconds()
    except (ValueError, TypeError):
        return Skipped(said=f"{api_url} does not tell the time.")
    return _drift(drift, (now() - before).total_seconds())


def _drift(drift: float, took: float) -> Outcome:
    """Judge a difference; a Date header is cut to seconds, and the answer took its time."""
    off = max(0.0, abs(drift) - took - 1.0)
    said = f"Our clock is {abs(drift):,.0f} s {'behind' if drift > 0 else 'ahead of'} GitHub's."
    next_step = "Let this machine keep time by NTP: GitHub refuses what seems to be signed in the future or too old."
    if off >= DRIFT_SECONDS_FAILED:
        return Failed(said=said, next_step=next_step)
    if off >= DRIFT_SECONDS_WARNED:
        return Warned(said=said, next_step=next_step)
    return Ok(said="Our clock and GitHub's agree.")


def _lacking(granted: Mapping[str, str]) -> list[str]:
    return [name for name, need in PERMISSIONS.items() if not is_enough(granted.get(name), need.level)]


def _named(installations: Iterable[InstallationSeen]) -> str:
    names = [_shown(one.account.login) if one.account else "a deleted account" for one in installations]
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more


def _shown(text: str) -> str:
    return visible(text, lines=False)[:200]
