"""Token letters: what reviewer and broker write to each other in Redis.

    PREFIXtoken:requests                     list    signed requests of reviewers, oldest first
    PREFIXtoken:answer:ID                    list    the sealed answer to one request
    PREFIXtoken:read:INSTALLATION:REPOSITORY string  the sealed token itself, for all reviewers, until it is old

Promises that a letter is believed only if a process with our ONCEOVER_SECRET_KEY wrote it, for the place where it was
found, and not long ago; and that no token stands in Redis unsealed. Times in letters are those of Redis, so that no
two hosts' clocks are compared.

Does not promise that a letter is new: a request that somebody puts there again within its time is answered again, under
the same name, sealed, with the same token.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from pipeline.engine.errors import AskPerson, GiveUp, OnceoverError, RetryLater
from pipeline.services.minted_tokens import Minted
from pipeline.services.sealing import Sealer, Tampered

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from redis.asyncio import Redis

REQUEST_BYTES_MAX: Final = 4_096
"""Ours have about 300."""

REQUEST_SECONDS_MAX: Final = 30.0
"""A request older than this is not answered: who asked has given up. The reviewer asks for less, in all."""

REASON_CHARACTERS_MAX: Final = 500
"""Of the reason for a refusal so much is handed on."""

_REQUEST: Final = "token.request"
_ANSWER: Final = "token.answer"
_MAILBOX: Final = "token.read"


class TokenRequest(BaseModel):
    """What a reviewer asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    run_id: str = Field(min_length=1, max_length=200)
    """On whose behalf; the broker looks whether the run lives."""
    installation: int = Field(ge=1)
    repository_id: int = Field(ge=1)
    repository: str = Field(max_length=300)
    """For messages alone."""
    purpose: str = Field(max_length=20)
    answer_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    """Names the list that the asker waits at."""
    at_ms: int = Field(ge=0)
    """By Redis's clock."""


class Granted(BaseModel):
    """Here is the token."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["granted"] = "granted"
    token: SecretStr
    expires_at_ms: int

    @classmethod
    def of(cls, minted: Minted) -> "Granted":
        """Make it of a new token."""
        return cls(token=minted.token, expires_at_ms=minted.expires_at_ms)


class TokenRefused(BaseModel):
    """There is none, and why; ordered as the errors are, by what the asker can do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["refused"] = "refused"
    helps: Literal["waiting", "a person", "nothing"]
    code: str
    reason: str
    next_step: str = ""
    after_seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @classmethod
    def of(cls, error: OnceoverError) -> "TokenRefused":
        """Make it of an error; what is a bug of the broker looks to the asker like a broker that is away."""
        reason = error.message[:REASON_CHARACTERS_MAX]
        match error:
            case AskPerson():
                return cls(helps="a person", code=error.error_code, reason=reason, next_step=error.next_step)
            case GiveUp():
                return cls(helps="nothing", code=error.error_code, reason=reason, next_step=error.next_step)
        after_seconds = error.retry_after_seconds if isinstance(error, RetryLater) else None
        return cls(helps="waiting", code=error.error_code, reason=reason, after_seconds=after_seconds)

    def to_error(self) -> OnceoverError:
        """Make the error that the asker raises."""
        if self.helps == "waiting":
            return RetryLater(
                self.reason, next_step=self.next_step, code=self.code, retry_after_seconds=self.after_seconds
            )
        family = AskPerson if self.helps == "a person" else GiveUp
        return family(self.reason, next_step=self.next_step, code=self.code)


Answer: TypeAlias = Granted | TokenRefused

_ANSWERS: Final[TypeAdapter[Answer]] = TypeAdapter(Annotated[Answer, Field(discriminator="kind")])


class _SignedRequest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """Writes and reads the letters of one installation."""

    sealer: Sealer
    prefix: str

    @property
    def requests_key(self) -> str:
        """The list of requests."""
        return f"{self.prefix}token:requests"

    def answer_key(self, answer_id: str) -> str:
        """The list at which one asker waits."""
        return f"{self.prefix}token:answer:{answer_id}"

    def mailbox_key(self, installation: int, repository_id: int) -> str:
        """The place of a repository's read token."""
        return f"{self.prefix}token:read:{installation}:{repository_id}"

    def write_request(self, request: TokenRequest) -> str:
        """Write and sign a request."""
        text = request.model_dump_json()
        return json.dumps({"text": text, "signature": self.sealer.sign(_REQUEST, text)})

    def read_request(self, raw: bytes) -> TokenRequest:
        """Read a request that somebody put into the list.

        Raises:
            Tampered: It is none, or nobody of ours signed it.
            KeyNotShared: It was signed under another secret; `claimed_answer_id` tells who waits.
        """
        signed = _signed(raw)
        self.sealer.verify(_REQUEST, signed.text, signed.signature)
        try:
            return TokenRequest.model_validate_json(signed.text)
        except ValidationError as error:
            raise _unreadable() from error

    def claimed_answer_id(self, raw: bytes) -> str | None:
        """Read who says to wait for the answer, without believing it; only a refusal may go there."""
        try:
            return TokenRequest.model_validate_json(_signed(raw).text).answer_id
        except (ValidationError, Tampered):
            return None

    def write_answer(self, answer_id: str, answer: Answer, *, now_ms: int) -> str:
        """Write and seal an answer; it opens only where it was asked for."""
        expires_at_ms = now_ms + round(REQUEST_SECONDS_MAX * 1000)
        return self.sealer.seal(
            _ANSWER, _to_json(answer), bound_to=self.answer_key(answer_id), expires_at_ms=expires_at_ms
        )

    def read_answer(self, answer_id: str, raw: bytes, *, now_ms: int) -> Answer:
        """Read the answer to a request of ours.

        Raises:
            KeyNotShared: The broker has another secret.
            Tampered: It is none, or the answer to something else.
        """
        sealed = raw.decode("ascii", "replace")
        opened = self.sealer.unseal(_ANSWER, sealed, bound_to=self.answer_key(answer_id), now_ms=now_ms)
        try:
            return _ANSWERS.validate_json(opened.plain)
        except ValidationError:  # From None: pydantic quotes what it could not read, and that may be a token.
            raise Tampered("A broker's answer is not readable.", next_step="Run one version everywhere.") from None

    def write_token(self, mailbox_key: str, granted: Granted) -> str:
        """Write and seal a token for a mailbox."""
        return self.sealer.seal(_MAILBOX, _to_json(granted), bound_to=mailbox_key, expires_at_ms=granted.expires_at_ms)

    def read_token(self, mailbox_key: str, raw: bytes, *, now_ms: int) -> Granted | None:
        """Read the token of a mailbox; what does not open is as good as none, since the broker can make another."""
        try:
            sealed = raw.decode("ascii", "replace")
            return Granted.model_validate_json(
                self.sealer.unseal(_MAILBOX, sealed, bound_to=mailbox_key, now_ms=now_ms).plain
            )
        except (OnceoverError, ValidationError):
            return None


async def redis_now_ms(redis: "Redis") -> int:
    """Ask Redis for its time, in Unix milliseconds."""
    # Cast: redis-py types one method for its synchronous and its asynchronous client.
    seconds, microseconds = await cast("Awaitable[tuple[int, int]]", redis.time())
    return seconds * 1000 + microseconds // 1000


def _signed(raw: bytes) -> _SignedRequest:
    try:
        if len(raw) <= REQUEST_BYTES_MAX:
            return _SignedRequest.model_validate_json(raw)
    except ValidationError as error:
        raise _unreadable() from error
    raise _unreadable()


def _unreadable() -> Tampered:
    return Tampered("A request for a token is not readable as such.", next_step="See who else writes to this Redis.")


def _to_json(answer: Answer) -> bytes:
    fields = answer.model_dump()
    if isinstance(answer, Granted):
        fields["token"] = answer.token.get_secret_value()
    return json.dumps(fields).encode()
