"""Call: one request as the routes see it: who asks, what they may see, which page they want.

Rules: a private repository that a token does not cover is 404, as if it were not there; a covered one without the
permission is 403 `Resource not accessible by integration`; an unknown or expired token is 401; public repositories can
be read by everybody. Old names of a repository answer 301 (307 for writes) with its address by id.
"""

import base64
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlencode

from litestar import Request, Response
from litestar.datastructures import State
from pydantic import BaseModel, ValidationError

from bot.demo.simulated_github.accounts import Account, App, Token
from bot.demo.simulated_github.app_signature import signed_by
from bot.demo.simulated_github.courier import Courier
from bot.demo.simulated_github.faults import ActiveFault
from bot.demo.simulated_github.refusals import Refusal, not_found
from bot.demo.simulated_github.repositories import Pull, Repository
from bot.demo.simulated_github.world import Json, World

PAGE_DEFAULT: Final = 30
"""Objects on a page unless asked otherwise."""

PAGE_MAX: Final = 100
"""Most objects on a page; more asked for is this many."""

GIVEN: Final = "simulated_github"
"""Where in a request's scope the gate puts what it hands over."""

ENCODED_SLASH: Final = "\x1f"
"""What stands for `%2F` between gate and routes: a slash of a branch's name, which parts no path."""

ModelT = TypeVar("ModelT", bound=BaseModel)
ItemT = TypeVar("ItemT")


class Serial(Protocol):
    """What lists may hide while they are stale."""

    @property
    def serial(self) -> int:
        """Place in the order in which everything was made."""


SerialT = TypeVar("SerialT", bound=Serial)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What belongs to a request besides what was sent. The routes themselves hold nothing."""

    world: World
    courier: Courier
    views: Sequence[ActiveFault]
    """Faults that change what this answer shows."""
    serials: Sequence[int]
    """The newest object's serial at the start of each request so far."""


class Call(Request[Any, Any, State]):
    """A request with what the routes need; path parameters `owner` and `name` name the repository."""

    @property
    def given(self) -> "Given":
        """What the gate handed over with the request."""
        given: Given = self.scope["state"][GIVEN]
        return given

    @property
    def world(self) -> World:
        """The state behind the server."""
        return self.given.world

    @property
    def courier(self) -> Courier:
        """Who sends the webhooks."""
        return self.given.courier

    def credential(self) -> str | None:
        """Give the token of the Authorization header: Bearer, token, or the password of Basic."""
        return credential_of(self.headers.get("authorization"))

    def token(self) -> Token | None:
        """Give the installation token, or None if nobody signed in.

        Raises:
            Refusal: 401 if the token is unknown or expired, 403 if its installation is suspended.
        """
        credential = self.credential()
        if credential is None:
            return None
        token = self.world.tokens.get(credential)
        if token is None or token.expires_at <= self.world.now():
            raise Refusal(401, "Bad credentials")
        if token.installation.suspended_at is not None:
            raise Refusal(403, "This installation has been suspended")
        return token

    def installation_token(self) -> Token:
        """Give the installation token.

        Raises:
            Refusal: 401 if there is none.
        """
        token = self.token()
        if token is None:
            raise Refusal(401, "Requires authentication")
        return token

    def as_app(self) -> App:
        """Give the App whose JWT this is.

        Raises:
            Refusal: 401 if it is not signed by an App of ours, is not valid now or is valid for too long.
        """
        return signed_by(self.world, self.credential())

    def repository(self, need: str = "metadata:read") -> Repository:
        """Give the repository of the path, if the caller may do this with it.

        Args:
            need: Permission and level, such as `issues:write|pull_requests:write`.

        Raises:
            Refusal: 301, 307, 401, 403 or 404.
        """
        full_name = f"{self.path_params['owner']}/{self.path_params['name']}"
        token = self.token()
        found = self.world.find(full_name)
        if found is None:
            raise self._moved(full_name)
        if token is not None and token.covers(found.id, found.owner.id):
            if token.may(need) or (need.endswith(":read") and not found.private):
                return found
            raise Refusal(403, "Resource not accessible by integration")
        if found.private:
            raise not_found()
        if all(one.endswith(":read") for one in need.split("|")):
            return found
        raise (
            Refusal(401, "Requires authentication")
            if token is None
            else Refusal(403, "Resource not accessible by integration")
        )

    def pull(self, need: str = "pull_requests:read") -> Pull:
        """Give the pull request of the path (`number`), if the caller may do this with it."""
        pull = self.repository(need).pulls.get(self.path_params["number"])
        if pull is None:
            raise not_found()
        return pull

    def caller(self) -> Account:
        """Give the user in whose name the token writes."""
        return self.installation_token().installation.app.bot

    async def read(self, model: type[ModelT]) -> ModelT:
        """Parse the JSON body.

        Raises:
            Refusal: 400 if it is no JSON object, 422 if it is not what the endpoint takes.
        """
        try:
            return model.model_validate_json(await self.body() or b"{}")
        except ValidationError as error:
            if any(one["type"] in {"json_invalid", "model_type"} for one in error.errors()):
                raise Refusal(400, "Problems parsing JSON") from error
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise Refusal(422, f"Invalid request.\n\n{place}: {first['msg']}") from error

    def visible(self, items: Iterable[SerialT]) -> list[SerialT]:
        """Leave out what a stale list does not show yet."""
        shown = list(items)
        for view in self.given.views:
            if view.fault.kind == "stale_list":
                shown = [one for one in shown if one.serial <= self._newest_shown(view)]
        return shown

    def _newest_shown(self, view: ActiveFault) -> int:
        if view.fault.requests is None:
            return view.serial
        marks = self.given.serials
        return marks[max(0, len(marks) - 1 - view.fault.requests)]

    def paged(
        self, items: Sequence[ItemT], shape: Callable[[ItemT], Json], envelope: str | None = None
    ) -> Response[object]:
        """Answer one page, with a Link header to the others.

        Args:
            items: All of them, in order.
            shape: What one looks like.
            envelope: Name of the list inside an object with `total_count`; None: a bare list.
        """
        size = min(max(self.number("per_page", PAGE_DEFAULT), 1), PAGE_MAX)
        page = max(self.number("page", 1), 1)
        last = max(1, -(-len(items) // size))
        shown = [shape(item) for item in items[(page - 1) * size : page * size]]
        content: object = shown if envelope is None else {"total_count": len(items), envelope: shown}
        links = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        wanted = [
            name
            for name in links
            if (name in {"prev", "first"} and page > 1) or (name in {"next", "last"} and page < last)
        ]
        headers = {"Link": ", ".join(f'<{self._page_url(links[name])}>; rel="{name}"' for name in wanted)}
        return Response(content, headers=headers if wanted else {})

    def number(self, name: str, default: int) -> int:
        """Read a number of the query; what is none counts as absent."""
        value = self.query_params.get(name, "")
        return int(value) if value.isdecimal() else default

    def _page_url(self, page: int) -> str:
        query = {name: value for name, value in self.query_params.items() if name != "page"}
        return f"{self.world.url}{self.scope['path']}?{urlencode({**query, 'page': page})}"

    def _moved(self, full_name: str) -> Refusal:
        repository = self.world.by_id(self.world.former_names.get(full_name.lower(), 0))
        if repository is None:
            return not_found()
        rest = self.scope["path"].split("/", 4)[4:]
        location = "/".join([f"{self.world.url}/repositories/{repository.id}", *rest])
        query = self.scope["query_string"].decode()
        location += f"?{query}" if query else ""
        status = 301 if self.method == "GET" else 307
        return Refusal(status, "Moved Permanently", headers={"Location": location})


def with_slashes(value: str) -> str:
    """Give a path parameter as it was meant, with the slashes that were encoded."""
    return value.replace(ENCODED_SLASH, "/")


def credential_of(header: str | None) -> str | None:
    """Read an Authorization header: Bearer, token, or the password of Basic."""
    kind, _, value = (header or "").partition(" ")
    if kind.lower() in {"bearer", "token"}:
        return value.strip()
    if kind.lower() == "basic":
        with contextlib.suppress(ValueError):
            return base64.b64decode(value).decode(errors="replace").partition(":")[2]
        return ""
    return None
