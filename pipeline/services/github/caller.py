"""Caller: calls as either the App or one of its installations, classed, redirected with care, and read as models.

Promises that a call goes out once, that a token goes to the API's own host only, and that whatever is not a success is
an error of `errors.py`, raised where no foreign error is being handled. A read follows redirects; a write follows only
307 and 308, which say that nothing was done yet and that the method stays (GitHub, "Best practices": renamed
repositories). Lists are followed by their `Link` headers, never by counting.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

from pydantic import SecretStr, TypeAdapter, ValidationError

from pipeline.engine.errors import AskPerson
from pipeline.engine.stage import JsonValue
from pipeline.services.github.answer import Answer, NoAnswer
from pipeline.services.github.clock import Clock
from pipeline.services.github.endpoints import Endpoint
from pipeline.services.github.errors import Nonsense, TooMuch
from pipeline.services.github.failures import Circumstances, failure_of, garbled, loss_of
from pipeline.services.github.memory import make_memory
from pipeline.services.github.request import JSON, Request, Wire
from pipeline.services.github.settings import GitHubSettings

PAGE_ITEMS: Final = 100
"""Items a page; the most that GitHub gives."""

_REDIRECTS: Final = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)
_REDIRECTS_OF_WRITES: Final = frozenset({HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT})

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One thing wanted of GitHub."""

    endpoint: Endpoint
    path: str
    """The endpoint's template, filled in."""
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: JsonValue = field(default=None, repr=False)
    accept: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    is_new: bool = False
    """It was announced by a webhook a moment ago: 404 means not yet."""
    contents: int = 0
    """Pieces of content besides the endpoint's own."""
    tail_bytes_max: int | None = None
    """Only so much of the end is wanted."""

    @property
    def what(self) -> str:
        """Name it in messages."""
        return f"{self.endpoint.method} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """In whose name a call goes out."""

    token: SecretStr
    is_app: bool = False
    is_fresh: bool = False
    is_proven: bool = True


Send: TypeAlias = Callable[[Call, str], Awaitable[Answer]]
"""Sends a call to an address; how a page is fetched."""


class Caller:
    """Calls to one GitHub; one for each process and address, since it carries the memory that clients share.

    Args:
        api_url: `https://api.github.com`, or `https://HOST/api/v3`.
        wire: Carries requests.
        settings: All limits.
        clock: Tells a wrong clock.

    Raises:
        AskPerson: The address is none, or has a user in it.
    """

    def __init__(self, *, api_url: str, wire: Wire, settings: GitHubSettings, clock: Clock) -> None:
        self.api_url: Final = checked_url(api_url)
        self.settings: Final = settings
        self.clock: Final = clock
        self.memory: Final = make_memory(settings, clock)
        self._wire: Final = wire
        self._adapters: Final[dict[object, TypeAdapter[Any]]] = {}  # Each of another type.

    def url(self, call: Call) -> str:
        """Write the whole address of a call."""
        query = f"?{urlencode(dict(call.query))}" if call.query else ""
        return f"{self.api_url}{call.path}{query}"

    async def send(self, call: Call, speaker: Speaker, url: str | None = None) -> Answer:
        """Send a call once, to a page's address if one is given.

        Raises:
            OnceoverError: Any of `errors.py`.
        """
        at = self.circumstances(call, speaker)
        outcome = await self._follow(call, speaker, url or self.url(call))
        error = loss_of(outcome, at) if isinstance(outcome, NoAnswer) else failure_of(outcome, at)
        if error:
            raise error
        assert isinstance(outcome, Answer)  # noqa: S101 - the other kind has raised.
        return outcome

    def circumstances(self, call: Call, speaker: Speaker) -> Circumstances:
        """Say under which circumstances an answer is judged."""
        return Circumstances(
            what=call.what,
            is_write=call.endpoint.is_write,
            is_new=call.is_new,
            is_app=speaker.is_app,
            token_is_fresh=speaker.is_fresh,
            token_is_proven=speaker.is_proven,
            now=self.clock.now(),
        )

    async def _follow(self, call: Call, speaker: Speaker, url: str) -> Answer | NoAnswer:
        """Send, and go where GitHub points; what is over the limit of redirects is judged as it is."""
        outcome = await self._send(call, speaker, url)
        for _ in range(self.settings.redirects_max):
            if isinstance(outcome, NoAnswer) or not (target := self._target(call, outcome)):
                break
            outcome = await self._send(call, speaker, target)
        return outcome

    async def _send(self, call: Call, speaker: Speaker, url: str) -> Answer | NoAnswer:
        is_ours = self.is_ours(url)
        request = Request(
            method=call.endpoint.method,
            url=url,
            token=speaker.token if is_ours else None,
            accept=call.accept if is_ours else "*/*",
            body=call.body,
            headers=call.headers,
            tail_bytes_max=call.tail_bytes_max,
        )
        return await self._wire.send(request)

    def _target(self, call: Call, answer: Answer) -> str | None:
        """Say where to go on, if that is safe; a read may leave GitHub's host (logs lie elsewhere), a write may not."""
        allowed = _REDIRECTS if call.endpoint.method == "GET" else _REDIRECTS_OF_WRITES
        if answer.status not in allowed or not answer.headers.get("location"):
            return None
        try:
            target = urljoin(answer.url, answer.headers["location"])
            is_ours = self.is_ours(target)
            is_as_safe = urlsplit(target).scheme == urlsplit(self.api_url).scheme
        except ValueError:  # That is no address.
            return None
        return target if is_ours or (call.endpoint.method == "GET" and is_as_safe) else None

    def is_ours(self, url: str) -> bool:
        """Whether an address belongs to the API, so that a token may go there."""
        ours, its = urlsplit(self.api_url), urlsplit(url)
        return (ours.scheme, ours.netloc) == (its.scheme, its.netloc)

    async def pages(self, call: Call, send: Send) -> AsyncIterator[Answer]:
        """Fetch a list page by page to its end.

        Raises:
            TooMuch: It has more than `pages_max` pages.
            Nonsense: The next page lies on another host.
        """
        full = replace(call, query={"per_page": PAGE_ITEMS, **call.query})
        url: str | None = self.url(full)
        for _ in range(self.settings.pages_max):
            if url is None:
                return
            answer = await send(full, url)
            yield answer
            url = self._next(call, answer)
        if url:
            raise TooMuch(f"{call.what} has more than {self.settings.pages_max} pages of {PAGE_ITEMS} items.")

    def _next(self, call: Call, answer: Answer) -> str | None:
        try:
            url = answer.next_url and urljoin(answer.url, answer.next_url)
            is_safe = not url or self.is_ours(url)
        except ValueError:  # That is no address.
            url, is_safe = None, False
        if not is_safe:
            raise Nonsense(f"The next page of {call.what} lies on another host, where no token goes.")
        return url

    def read(self, answer: Answer, model: type[T], call: Call) -> T:
        """Read an answer as a model.

        Raises:
            Ambiguous: It does not fit, and it answered a write: what was made cannot be named.
            GitHubAway: It does not fit, and it answered a read.
        """
        return self._fit(answer.content, self._adapter(model), call)

    def read_page(self, answer: Answer, item: type[T], call: Call, items_in: str | None) -> list[T]:
        """Read a page of a list, which some endpoints wrap in an object; same errors as `read`."""
        adapter = self._adapter(list[item])  # type: ignore[valid-type]  # A type made at run time.
        if items_in is None:
            return self._fit(answer.content, adapter, call)
        return self._fit(self.read(answer, dict[str, object], call).get(items_in), adapter, call)

    def _fit(self, found: object, adapter: TypeAdapter[T], call: Call) -> T:
        try:
            return adapter.validate_json(found) if isinstance(found, bytes) else adapter.validate_python(found)
        except ValidationError as problem:
            first = problem.errors(include_input=False, include_url=False)[0]
            why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        # Here, where the foreign error, which holds the body, is no longer being handled.
        raise garbled(why, Circumstances(what=call.what, is_write=call.endpoint.is_write, now=self.clock.now()))

    def _adapter(self, model: type[T]) -> TypeAdapter[T]:
        """Build the reader of a model once."""
        adapter = self._adapters.get(model)
        if adapter is None:
            adapter = self._adapters[model] = TypeAdapter(model)
        return adapter


def checked_url(api_url: str) -> str:
    """Say where calls go, without a slash at the end.

    Raises:
        AskPerson: That is no http(s) address, or has a user, a query or a fragment.
    """
    url = api_url.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    else:
        is_good = is_good and "@" not in parts.netloc and not parts.query and not parts.fragment
    if is_good:
        return url
    raise AskPerson(  # Not repeated: what stands there may be a password.
        "The address of GitHub's API is not of the form http(s)://host[:port][/api/v3].",
        next_step="Set ONCEOVER_GITHUB_API_URL; leave it out for github.com.",
        code="github_api_url",
    )
