"""LLM failures: what went wrong with a call to a model server, and what helps.

Promises one error of the tree for every status, page and silence, with a cut and harmless excerpt of what the server
said; neither the key nor a piece of it is ever in one. Does not promise to guess right: servers differ in their
words, so what is not recognised is told as it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import urlsplit

from pipeline.engine.errors import AskPerson, GiveUp, OnceoverError, RetryLater
from pipeline.services.llm_question import request_id

EXCERPT_CHARACTERS_MAX: Final = 200
"""How much of a foreign answer an error shows."""

KEY_PIECE_CHARACTERS: Final = 8
"""A piece of the key this long is masked: masking only the whole key is dodged by cutting it."""

RETRY_AFTER_SECONDS_MAX: Final = 6 * 3600.0
"""Longest pause that a server may ask for; a larger number is more likely an error than a plan."""

REFUSED_REQUEST: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
"""How servers say that they do not like the request itself."""

URL_STEP: Final = "Is `OPENAI_BASE_URL` right? It usually ends in `/v1`."
KEY_STEP: Final = "Check `OPENAI_API_KEY` and what it is allowed to do."
MODEL_STEP: Final = "Check `ONCEOVER_LLM_MODEL` against the models that the server offers."
MONEY_STEP: Final = "Check the plan and the limits of the account behind `OPENAI_API_KEY`."
CONTEXT_STEP: Final = "Set `ONCEOVER_LLM_MODEL` to a model with a larger context."
TOOLS_STEP: Final = "Ask without tools, or name a model that has them; llama.cpp's server wants `--jinja`."
RETRY_STEP: Final = "Later it may answer."
"""Not that it is tried again: only the engine knows whether it still is."""

_NOT_NOW: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)
_CONTEXT_FULL: Final = re.compile(
    r"context.{0,3}(length|size|window)|maximum context|too many tokens|(prompt|input|request).{0,20}too (long|large)",
    re.IGNORECASE,
)
_NO_TOOLS: Final = re.compile(r"--jinja|--enable-auto-tool-choice|supports? (?:tool|function)", re.IGNORECASE)
"""How servers say, with whatever status, that a model is not offered tools here."""
_NO_MONEY: Final = re.compile(r"insufficient_quota|billing|credit balance|exceeded your current quota", re.IGNORECASE)


class Response(Protocol):
    """What of an HTTP response is looked at."""

    status_code: int

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, whatever their case."""

    @property
    def text(self) -> str:
        """The body, with a replacement for what cannot be decoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Who was asked, as far as a message needs it."""

    url: str
    key: str = field(repr=False)

    def excerpt(self, text: str) -> str:
        """Cut foreign text, mask what looks like our key, show what a terminal would obey."""
        masked = without_pieces(text[: 4 * EXCERPT_CHARACTERS_MAX], self.key)
        short = " ".join(masked.split())[:EXCERPT_CHARACTERS_MAX]
        return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in short) or "(nothing)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A call that brought no answer."""

    error: OnceoverError
    is_about_model: bool = False
    """Another model on the same server may do better."""
    refused: str = field(default="", repr=False)
    """What a server wrote that did not like the request itself: it may like a humbler one."""
    request_id: str | None = None
    """The server's name for the call. Not in the error's text: failures of one kind are told as one."""


def refused(server: Server, model: str, response: Response) -> Failed:
    """Class an answer that is no 2xx."""
    body = response.text
    return Failed(
        error=refusal(server, model, response, server.excerpt(body)),
        is_about_model=is_about_model(response),
        refused=body if response.status_code in REFUSED_REQUEST else "",
        request_id=request_id(response.headers),
    )


def is_about_model(response: Response) -> bool:
    """Whether the next model may do better: unknown, not allowed, rate-limited, broken; not: key, money, prompt."""
    status = response.status_code
    if has_no_money(response):
        return False
    unknown = status == HTTPStatus.NOT_FOUND and not is_page(response)
    return unknown or status == HTTPStatus.FORBIDDEN or is_passing(status)


def refusal(server: Server, model: str, response: Response, said: str) -> OnceoverError:  # noqa: PLR0911 - a table.
    """Find the error for a status and its words; the first case that fits wins."""
    status = response.status_code
    where = f"The model server {server.url} answered {status}"
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        host = server.excerpt(urlsplit(response.headers.get("location", "")).netloc)
        message = f"{where}: a redirect to {host}, which is not followed because it would carry the key."
        return AskPerson(message, next_step=URL_STEP, code="model_redirect")
    if status == HTTPStatus.UNAUTHORIZED:  # What the server says is left out: many repeat the key.
        return AskPerson(f"{where}: it does not accept the key.", next_step=KEY_STEP, code="model_key")
    if _NO_TOOLS.search(response.text):
        return GiveUp(f"{where}: {said}", next_step=TOOLS_STEP, code="model_tools")
    if has_no_money(response):
        return AskPerson(f"{where}: {said}", next_step=MONEY_STEP, code="model_quota")
    if status == HTTPStatus.FORBIDDEN:  # Same.
        return AskPerson(f"{where}: the key may not use model {model}.", next_step=KEY_STEP, code="model_forbidden")
    if status == HTTPStatus.NOT_FOUND and not is_page(response):
        message = f"{where}: it has no model {model}: {said}"
        return AskPerson(message, next_step=f"{MODEL_STEP} {URL_STEP}", code="model_unknown")
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
        return AskPerson(f"{where}: {said}", next_step=URL_STEP, code="model_url")
    if is_passing(status):
        wait = retry_after_seconds(response.headers)
        message = f"{where} for model {model}: {said}"
        return RetryLater(message, next_step=RETRY_STEP, code="model_busy", retry_after_seconds=wait)
    if is_too_long(response):
        message = f"{where}: the prompt is too long for model {model}: {said}"
        return GiveUp(message, next_step=CONTEXT_STEP, code="model_context")
    return GiveUp(f"{where} to the request for model {model}: {said}", next_step=MODEL_STEP, code="model_refused")


def garbled(server: Server, response: Response) -> Failed:
    """Class a 2xx that is no chat completion: a web page is a wrong address, anything else an accident."""
    said = server.excerpt(response.text)
    if is_page(response):
        message = f"The model server {server.url} answered with a web page instead of JSON: {said}"
        return Failed(error=GiveUp(message, next_step=URL_STEP, code="model_answered_html"))
    message = f"The model server {server.url} answered {response.status_code} without a chat completion: {said}"
    return Failed(error=RetryLater(message, next_step=f"{RETRY_STEP} {URL_STEP}", code="model_answer_garbled"))


def unreachable(server: Server, cause: BaseException, *, timed_out: bool) -> Failed:
    """Class a call that brought no HTTP answer at all."""
    what = f"{type(cause).__name__} {server.excerpt(str(cause))}"
    if "CERTIFICATE_VERIFY_FAILED" in str(cause):
        message = f"The certificate of the model server {server.url} is not trusted: {what}"
        step = "Point `SSL_CERT_FILE` to the certificate of your own authority."
        return Failed(error=AskPerson(message, next_step=step, code="model_certificate"))
    if timed_out:
        message = f"The model server {server.url} kept silent for too long: {what}"
        return Failed(error=RetryLater(message, next_step=RETRY_STEP, code="model_timeout"))
    message = f"No answer from the model server {server.url}: {what}"
    step = f"{RETRY_STEP} If this repeats: does it run? {URL_STEP}"
    return Failed(error=RetryLater(message, next_step=step, code="model_unreachable"))


def out_of_time(server: Server, seconds_max: float) -> RetryLater:
    """Say that a call as a whole took too long."""
    return RetryLater(
        f"The model server {server.url} gave no whole answer within {seconds_max:g} s.",
        next_step=f"{RETRY_STEP} If this repeats, a faster model helps.",
        code="model_timeout",
    )


def too_large(server: Server, bytes_max: int) -> GiveUp:
    """Say that an answer was longer than we read."""
    return GiveUp(
        f"The model server {server.url} answered with more than {bytes_max} bytes.",
        next_step=URL_STEP,
        code="model_answer_too_large",
    )


def too_long(server: Server, model: str, *, tokens: int, context_tokens: int) -> Failed:
    """Say that a question does not fit and was not sent; another model may read more."""
    message = (
        f"A prompt of about {tokens:,} tokens leaves no room for an answer in the {context_tokens:,} that"
        f" model {model} on {server.url} has."
    )
    return Failed(error=GiveUp(message, next_step=CONTEXT_STEP, code="model_context"), is_about_model=True)


def no_tools(server: Server, model: str) -> Failed:
    """Say that a question offers tools to a model that calls none."""
    message = f"Model {model} on {server.url} does not call tools."
    return Failed(error=GiveUp(message, next_step=TOOLS_STEP, code="model_tools"), is_about_model=True)


def is_passing(status: int) -> bool:
    """Whether the same request may well succeed in a while."""
    return status in _NOT_NOW or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def is_page(response: Response) -> bool:
    """Whether the body is meant for a browser, or for nobody: no API speaks so."""
    return "json" not in response.headers.get("content-type", "") and not response.text.lstrip().startswith("{")


def is_too_long(response: Response) -> bool:
    """Whether the prompt does not fit the model."""
    is_named = response.status_code in REFUSED_REQUEST and _CONTEXT_FULL.search(response.text) is not None
    return is_named or response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def has_no_money(response: Response) -> bool:
    """Whether the account cannot pay; OpenAI says so with the status of a rate limit."""
    is_named = response.status_code == HTTPStatus.TOO_MANY_REQUESTS and _NO_MONEY.search(response.text) is not None
    return is_named or response.status_code == HTTPStatus.PAYMENT_REQUIRED


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Read how long the server asks us to wait; a date is measured against the server's own (RFC 9110, 10.2.3)."""
    asked = headers.get("retry-after", "")
    try:
        seconds = float(asked)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(asked) - parsedate_to_datetime(headers["date"])).total_seconds()
        except (ValueError, TypeError, KeyError):  # No date, or one with and one without a zone.
            return None
    return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX) if seconds == seconds else None  # noqa: PLR0124 - not NaN.


def without_pieces(text: str, secret: str) -> str:
    """Mask the secret and every piece of it of `KEY_PIECE_CHARACTERS` or more."""
    size = min(KEY_PIECE_CHARACTERS, len(secret))
    if not size:
        return text
    pieces = {secret[start : start + size] for start in range(len(secret) - size + 1)}
    hits = {
        start + offset for start in range(len(text)) if text[start : start + size] in pieces for offset in range(size)
    }
    return "".join("*" if place in hits else letter for place, letter in enumerate(text))
