"""Model checks: does the model's server answer, does it take our key, does it have the model."""

from collections.abc import Awaitable, Callable
from typing import Final

import httpx2
from pydantic import BaseModel, ConfigDict, ValidationError

from bot.doctor.check import Check
from bot.doctor.outcome import Failed, Ok, Outcome, Skipped, Warned
from bot.settings_tree import ModelSettings, Settings

OPENAI_URL: Final = "https://api.openai.com/v1"

LIST_SECONDS_MAX: Final = 15.0
LIST_BYTES_MAX: Final = 4_000_000
"""Routers list some thousand models with their prices."""

DEEP_SECONDS_MAX: Final = 60.0
"""A local server loads the model first."""

AWAY: Final = "Correct OPENAI_BASE_URL, or start the server."


def model_checks(settings: Settings, *, deep: Callable[[], Awaitable[str]] | None) -> tuple[Check, ...]:
    """List the checks of the model.

    Args:
        settings: Which model, which server.
        deep: Asks the model for one word and names who answered; None asks nothing that costs.
    """
    listed = Check(name="model.server", ask=lambda: _listed(settings.model), seconds_max=LIST_SECONDS_MAX + 1)
    if deep is None:
        return (listed,)
    return (listed, Check(name="model.answer", ask=lambda: _answered(settings, deep), seconds_max=DEEP_SECONDS_MAX))


async def _answered(settings: Settings, deep: Callable[[], Awaitable[str]]) -> Outcome:
    if settings.model.name is None:
        return Skipped(said="No model is named.")
    return Ok(said=f"{await deep()} answered.")


async def _listed(model: ModelSettings) -> Outcome:
    if model.name is None:
        return Skipped(
            said="No model is named; reviews rest on analysers, tests and documentation.",
            next_step="Set ONCEOVER_LLM_MODEL with OPENAI_API_KEY or OPENAI_BASE_URL.",
        )
    base = model.base_url or OPENAI_URL
    headers = {"Authorization": f"Bearer {model.api_key.get_secret_value()}"} if model.api_key else {}
    try:
        # Redirects are not followed: the key goes to the configured server only.
        async with (
            httpx2.AsyncClient(timeout=LIST_SECONDS_MAX, follow_redirects=False) as client,
            client.stream("GET", f"{base}/models", headers=headers) as answer,
        ):
            return _judge(model, base, answer.status_code, await _content(answer))
    except httpx2.HTTPError as error:
        return Failed(said=f"{base} cannot be reached: {type(error).__name__}.", next_step=AWAY)


async def _content(answer: httpx2.Response) -> bytes:
    content = bytearray()
    async for piece in answer.aiter_bytes():
        content += piece
        if len(content) > LIST_BYTES_MAX:
            return b""
    return bytes(content)


class _Listed(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str


class _Models(BaseModel):
    model_config = ConfigDict(extra="ignore")

    data: list[_Listed]


def _judge(model: ModelSettings, base: str, status: int, content: bytes) -> Outcome:
    if status in {httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN}:
        return Failed(said=f"{base} refuses the key (HTTP {status}).", next_step="Correct OPENAI_API_KEY.")
    if status in {httpx2.codes.NOT_FOUND, httpx2.codes.METHOD_NOT_ALLOWED, httpx2.codes.NOT_IMPLEMENTED}:
        said = f"{base} answers, and does not list its models."
        return Warned(said=said, next_step="`onceover doctor --deep` asks the model itself, for a token or two.")
    if status != httpx2.codes.OK:
        return Failed(said=f"{base} answers HTTP {status}.", next_step="Look at the server's own status or log.")
    try:
        names = {one.id for one in _Models.model_validate_json(content).data}
    except ValidationError:
        said = f"{base} answers, and what it lists cannot be read."
        return Warned(said=said, next_step="Look whether OPENAI_BASE_URL ends as its documentation says, often in /v1.")
    absent = [name for name in (model.name, *model.fallback_names) if name not in names]
    if absent:
        next_step = "Correct the name, or ask with `onceover doctor --deep` whether the server takes it all the same."
        return Warned(said=f"{base} does not list {', '.join(map(str, absent))}.", next_step=next_step)
    return Ok(said=f"{base} takes the key and has {model.name}.")
