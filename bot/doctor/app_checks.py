"""App checks: does GitHub know us by our key, does the App have what it needs, do its webhooks arrive."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from bot.app_credentials import (
    GENERATE,
    MAKE_OR_SET,
    SECRET_KEY,
    Role,
    held_against,
    missing_for,
    read_private_key,
    wanted_by,
)
from bot.doctor.app_seen import AppSeen, AppView, InstallationSeen
from bot.doctor.check import Ask, Check
from bot.doctor.github_clock import compare_clocks
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

NAMED_MAX: Final = 5
"""Accounts or reasons named in one sentence."""

DELIVERY: Final = ("delivery", "deliveries")

OTHERS_READ: Final = 0o077

NO_APP: Final = "There is no GitHub App yet; reviews of local repositories work without."
SET_UP: Final = "`onceover setup` registers one."
PAGE: Final = "Change it on the App's page on GitHub, under Developer settings"


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
    us = _Introduction(at)
    return (
        Check(name="app.credentials", ask=lambda: asyncio.to_thread(_credentials, at)),
        Check(name="app.known", ask=us.first(_known)),
        Check(name="app.permissions", ask=us.then(_permissions)),
        Check(name="app.events", ask=us.then(_events)),
        Check(name="app.installations", ask=us.then(_installations)),
        Check(name="app.webhook", ask=us.then(_webhook)),
        Check(name="app.deliveries", ask=us.then(lambda met: _deliveries(met, now()))),
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
    lacks = [lack for lack in missing_for(at.roles, at.settings) if lack.variable != SECRET_KEY]
    if lacks:
        said = ", ".join(f"{lack.variable} (for {', '.join(lack.roles)})" for lack in lacks)
        return Failed(said=f"Not set: {said}.", next_step=MAKE_OR_SET)
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
    if at.settings.trust.secret_key is None:
        return Warned(
            said=f"{SECRET_KEY} is not set; processes share one in {storage.state_dir}, if they are on this host.",
            next_step=f"On several hosts set it. {GENERATE}",
        )
    return Ok(said=f"All that {', '.join(sorted(at.roles))} need is set.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Met:
    """GitHub knows us."""

    settings: Settings
    view: AppView
    app: AppSeen


_Look: TypeAlias = Callable[[_Met], Awaitable[Outcome]]


class _Introduction:
    """Asks GitHub once who we are, for all checks: what is wrong with the key is told once and not six times."""

    def __init__(self, at: AppAtHand) -> None:
        self._at: Final = at
        self._asked: asyncio.Future[AppSeen] | None = None

    def first(self, look: _Look) -> Ask:
        """Make the question that tells what is wrong with the key."""

        async def ask() -> Outcome:
            met = await self._meet()
            return met if isinstance(met, Skipped) else await look(met)

        return ask

    def then(self, look: _Look) -> Ask:
        """Make a question that is left out if GitHub does not know us."""

        async def ask() -> Outcome:
            try:
                met = await self._meet()
            except OnceoverError:
                return Skipped(said="GitHub does not take our key; see app.known.")
            return met if isinstance(met, Skipped) else await look(met)

        return ask

    async def _meet(self) -> _Met | Skipped:
        settings, view = self._at.settings, self._at.view
        if isinstance(view, OnceoverError):
            return Skipped(said="GitHub cannot be asked without the App's credentials.")
        if view is None:
            has_app = is_there(settings)
            return Skipped(said="The roles of this host hold no App key." if has_app else "There is no GitHub App yet.")
        if self._asked is None:
            self._asked = asyncio.ensure_future(view.app())
        app = await asyncio.shield(self._asked)  # One impatient check does not end it for the others.
        return _Met(settings=settings, view=view, app=app)


async def _known(met: _Met) -> Outcome:
    named = met.settings.github.app_id
    if met.app.id != named:
        return Failed(
            said=f"The key is that of App {met.app.id}, and ONCEOVER_GITHUB_APP_ID is {named}.",
            next_step="Set both to the same App.",
        )
    return Ok(said=f"GitHub knows us as {_shown(met.app.slug)}.")


async def _permissions(met: _Met) -> Outcome:
    lacking = _lacking(met.app.permissions)
    if not lacking:
        return Ok(said="The App asks for all that it needs.")
    said = "; ".join(f"{name} is not {PERMISSIONS[name].level}, needed {PERMISSIONS[name].why}" for name in lacking)
    next_step = f"{PAGE}, Permissions; then each account has to accept them."
    if any(PERMISSIONS[name].is_vital for name in lacking):
        return Failed(said=f"{said}.", next_step=next_step)
    return Warned(said=f"{said}.", next_step=f"If you have no such thing it can stay so. {next_step}")


async def _events(met: _Met) -> Outcome:
    absent = [event for event in EVENTS if event not in met.app.events]
    if not absent:
        return Ok(said="The App subscribes to all that it acts on.")
    said = f"Not subscribed: {', '.join(f'{name} ({EVENTS[name]})' for name in absent)}."
    next_step = f"{PAGE}, Permissions & events."
    if "pull_request" in absent:
        return Failed(said=said, next_step=next_step)
    return Warned(said=said, next_step=next_step)


async def _installations(met: _Met) -> Outcome:
    installations = await met.view.installations()
    if not installations:
        host = met.settings.github.web_url or web_url_of(met.settings.github.api_url)
        next_step = f"Install it: {host}/apps/{_shown(met.app.slug)}/installations/new"
        return Warned(said="The App is installed nowhere, so there is nothing to review.", next_step=next_step)
    suspended = [one for one in installations if one.suspended_at]
    behind = [one for one in installations if not one.suspended_at and _lacks_vital(one.permissions)]
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


async def _webhook(met: _Met) -> Outcome:
    hook, public_url = await met.view.hook(), met.settings.web.public_url
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


async def _deliveries(met: _Met, now: datetime) -> Outcome:
    since = now - timedelta(days=DELIVERIES_DAYS)
    failed, good = await asyncio.gather(
        met.view.deliveries(since=since, status="failure"), met.view.deliveries(since=since, status="success")
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
    return await compare_clocks(at.settings.github.api_url, now)


def _lacking(granted: Mapping[str, str]) -> list[str]:
    return [name for name, need in PERMISSIONS.items() if not is_enough(granted.get(name), need.level)]


def _lacks_vital(granted: Mapping[str, str]) -> bool:
    return any(PERMISSIONS[name].is_vital for name in _lacking(granted))


def _named(installations: Iterable[InstallationSeen]) -> str:
    names = [_shown(one.account.login) if one.account else "a deleted account" for one in installations]
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more


def _shown(text: str) -> str:
    return visible(text, lines=False)[:200]
