"""Web: the small application behind `onceover setup`, alive for one registration.

Promises that nobody without the terminal's token sees the page or ends the flow: the token opens one session, a cookie
that no script and no other site reads. A code is exchanged only for that session and only with a state that was issued
to it. Neither token, code nor any secret stands in a log or on a page, and no answer is cached.

Races: two callbacks with one state: it is redeemed without an await in between, so one of them gets it. A browser that
comes back twice with other states: the second waits for nothing, since the first ends the application.
"""

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from litestar import Litestar, Request, Response, get
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import Cookie, State
from litestar.enums import MediaType
from litestar.exceptions import HTTPException

from bot.setup.conversion import ConversionFailed
from bot.setup.hosts import GitHubHost
from bot.setup.manifest import form_url, make_manifest
from bot.setup.page import STYLE_HASH, Proposal, done_page, proposal_page, refusal_page
from bot.setup.tickets import STATE_SECONDS_MAX, Redeemed, Tickets
from pipeline.engine.errors import OnceoverError

PAGE: Final = "/setup"
CALLBACK: Final = "/setup/callback"
COOKIE: Final = "onceover_setup"

CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")
"""It goes into a path; GitHub's codes are 40 hexadecimal digits today."""

Browser: TypeAlias = "Request[None, None, State]"
Answer: TypeAlias = Response[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What the last page tells."""

    name: str
    install_url: str | None
    stored: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which App is to be registered, and where the person's browser finds this application."""

    github: GitHubHost
    name: str
    organisation: str | None
    public_url: str
    origin: str
    """Address of this application, without its last slash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The steps of the registration that the pages lead through."""

    wish: Wish
    tickets: Tickets
    register: Callable[[str], Awaitable[Done]]
    """Exchanges a code and stores what it gives; raises ConversionFailed if another try may help."""
    say: Callable[[str], None]
    """Tells the terminal."""
    end: Callable[[OnceoverError | None], Awaitable[None]]
    """Ends the application, well or not; called when the last page has been sent."""


def make_setup_app(flow: Flow) -> Litestar:
    """Make the application of one flow."""

    @get(PAGE, media_type=MediaType.HTML)
    async def show(request: Browser) -> Answer:
        """Open the session with the token, or show what will be registered."""
        token = request.query_params.get("token")
        if token is not None:
            return _open_session(flow, token)
        return _proposal(flow) if _is_session(flow, request) else _no_session(flow)

    @get(CALLBACK, media_type=MediaType.HTML)
    async def callback(request: Browser) -> Answer:
        """Take the code that GitHub sent the browser back with."""
        if not _is_session(flow, request):
            return _no_session(flow)
        return await _finish(flow, request.query_params.get("state", ""), request.query_params.get("code", ""))

    def refuse(_: Browser, error: Exception) -> Answer:
        """Answer what no page answers."""
        if isinstance(error, HTTPException):
            return _refused(flow, error.status_code, "There is no such page", "The page is /setup.", "")
        logging.getLogger(__name__).error("setup.page_failed", exc_info=error)
        return _refused(flow, 500, "Something broke", "The page could not be made; the log says why.", "Try again.")

    return Litestar(
        [show, callback],
        exception_handlers={Exception: refuse},
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def _open_session(flow: Flow, token: str) -> Answer:
    session = flow.tickets.open_session(token)
    if session is None:
        return _no_session(flow)
    place = urlsplit(flow.wish.origin)
    cookie = Cookie(
        key=COOKIE,
        value=session,
        path=f"{place.path}{PAGE}",
        max_age=int(STATE_SECONDS_MAX),
        httponly=True,
        secure=place.scheme == "https",
        samesite="lax",  # Strict would keep it back when GitHub sends the browser here.
    )
    # Away from the address that has the token in it: it stands neither in the history nor in a referrer.
    answer = _page(flow, "", HTTPStatus.SEE_OTHER)
    answer.set_cookie(cookie)
    answer.headers["Location"] = flow.wish.origin + PAGE
    return answer


def _proposal(flow: Flow) -> Answer:
    wish = flow.wish
    manifest = make_manifest(name=wish.name, public_url=wish.public_url, redirect_url=wish.origin + CALLBACK)
    proposal = Proposal(
        name=wish.name,
        owner=wish.organisation or "you, or the account that you are signed in with",
        public_url=wish.public_url,
        form_url=form_url(wish.github, organisation=wish.organisation, state=flow.tickets.issue_state()),
        manifest=manifest,
    )
    return _page(flow, proposal_page(proposal))


async def _finish(flow: Flow, state: str, code: str) -> Answer:
    again = "Start again from /setup in this browser."
    match flow.tickets.redeem(state):
        case Redeemed.EXPIRED:
            what = "GitHub gives one hour from the page to the registration, and it is over."
            return _refused(flow, 403, "That took too long", what, again)
        case Redeemed.UNKNOWN:
            what = "GitHub's answer belongs to no page of this command, or was used already. Nothing was stored."
            return _refused(flow, 403, "An answer to another question", what, again)
        case Redeemed.GOOD:
            pass
    if not CODE.fullmatch(code):
        return _refused(flow, 400, "No code came back", "GitHub's answer holds no code that we could exchange.", again)
    try:
        done = await flow.register(code)
    except ConversionFailed as error:
        flow.say(str(error))
        return _refused(flow, 502, "GitHub did not hand the App over", error.message, error.next_step)
    except OnceoverError as error:
        answer = _refused(flow, 500, "The App is registered, and not stored", error.message, error.next_step)
        answer.background = BackgroundTask(flow.end, error)
        return answer
    answer = _page(
        flow,
        done_page(name=done.name, install_url=done.install_url, stored=done.stored, commands=done.commands),
    )
    answer.background = BackgroundTask(flow.end, None)
    return answer


def _is_session(flow: Flow, request: Browser) -> bool:
    return flow.tickets.is_session(request.cookies.get(COOKIE))


def _no_session(flow: Flow) -> Answer:
    what = "This page opens once, with the link that `onceover setup` printed in the terminal or the log."
    next_step = "Use that link in one browser only. If it was used already, end the command and run it again."
    return _refused(flow, 403, "Not without the link", what, next_step)


def _refused(flow: Flow, status: int, title: str, what: str, next_step: str) -> Answer:
    return _page(flow, refusal_page(title, what, next_step), status)


def _page(flow: Flow, html: str, status: int = HTTPStatus.OK) -> Answer:
    github = urlsplit(flow.wish.github.web_url)
    policy = (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action {github.scheme}://{github.netloc}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        # Not `no-referrer`: the browser would send the form to GitHub with `Origin: null`.
        "Referrer-Policy": "strict-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    return Response(html, status_code=status, media_type=MediaType.HTML, headers=headers)
