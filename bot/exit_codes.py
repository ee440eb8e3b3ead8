"""Exit codes: what a program that calls `onceover` can rely on. The same for every command."""

from enum import IntEnum
from typing import Final

from pipeline.engine.errors import AskPerson, OnceoverError


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0  # Done, and nothing at or above the fail-on level.
    FINDINGS = 1  # Findings at or above the fail-on level, failing tests, or a check that does not hold.
    USAGE = 2  # The command was called wrongly: unknown option, no repository, unknown ref.
    CONFIGURATION = 3  # Settings, Redis, disk or permissions need a person first.
    UPSTREAM = 4  # It could not review: the model or another server did not do its part.
    INTERRUPTED = 130  # Ctrl-C; the same command goes on where it stopped.


USAGE_ERRORS: Final = frozenset(
    {
        "usage",
        "no_repository",
        "unknown_ref",
        "no_default_base",
        "no_merge_base",
        "shallow_clone",
        "unknown_run",
        "unknown_stage",
        "unknown_delivery",
    }
)
"""Error codes that mean: call it differently."""

STORE_ERRORS: Final = frozenset({"redis_away", "redis.away"})
"""Error codes that may pass by themselves, of what a person has set up: Redis is ours to name, and not upstream."""


def exit_code_of(error: OnceoverError) -> ExitCode:
    """Choose the exit code of a command that an error ended."""
    if error.error_code in USAGE_ERRORS:
        return ExitCode.USAGE
    is_ours = isinstance(error, AskPerson) or error.error_code in STORE_ERRORS
    return ExitCode.CONFIGURATION if is_ours else ExitCode.UPSTREAM
