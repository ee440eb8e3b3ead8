"""Errors: one tree, ordered by what the caller can do.

    OnceoverError
    ├── RetryLater          trying again can help, by itself, after a while
    ├── AskPerson           a person has to change something first: key, setting, permission, disk
    ├── GiveUp              this input will never work; the run goes on without it
    └── Bug                 one of our promises is broken: stop, keep the evidence
        └── InvariantBroken     named after the invariant: L1, C1, S1, R1, E1, B1, A1, W1

Outcomes are not errors: a failing test, a finding, a reached budget travel as values.
Errors carry ids, numbers and text, never live objects and never secrets.
"""

from typing import ClassVar, Final

CAUSE_CHARACTERS_MAX: Final = 2_000
"""Length to which the text of a foreign error is cut before it is stored or shown."""


class OnceoverError(Exception):
    """Anything that Onceover raises on purpose.

    Args:
        message: What failed, where, the value against its limit.
        next_step: What the reader can do, as a sentence.
        code: Stable name for programs (journal, `--json`); defaults to the class's own.
    """

    code: ClassVar[str] = "error"
    helps: ClassVar[str] = "unknown"

    def __init__(self, message: str, *, next_step: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message: Final = message[:CAUSE_CHARACTERS_MAX]
        self.next_step: Final = next_step
        self.error_code: Final = code or self.code

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


class RetryLater(OnceoverError):
    """Trying again can help: a time-out, a refused connection, a 5xx, a rate limit.

    Args:
        retry_after_seconds: How long the other side asked us to wait, if it did.
    """

    code = "retry_later"
    helps = "waiting"

    def __init__(
        self,
        message: str,
        *,
        next_step: str = "",
        code: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, next_step=next_step, code=code)
        self.retry_after_seconds: Final = retry_after_seconds


class AskPerson(OnceoverError):
    """A person has to act first; trying again before that only repeats the failure."""

    code = "ask_person"
    helps = "a person"


class GiveUp(OnceoverError):
    """This input will never work: the stage fails for good and the run says so."""

    code = "give_up"
    helps = "nothing"


class Bug(OnceoverError):
    """Something that we promise cannot happen has happened."""

    code = "bug"
    helps = "a fix"


class InvariantBroken(Bug):
    """An engine invariant does not hold; `name` is L1, C1, S1, R1, E1, B1, A1 or W1."""

    code = "invariant_broken"

    def __init__(self, name: str, message: str) -> None:
        super().__init__(
            f"Invariant {name} is broken: {message}",
            next_step="Keep the run's journal (`onceover runs show`) and report it.",
            code=f"invariant_broken.{name}",
        )
        self.name: Final = name
