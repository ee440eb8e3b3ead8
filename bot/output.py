"""Output: what a command writes, for a reader who may have left.

Promises that results go to standard output in one piece and news to standard error; that a reader who closed the
pipe (`| head`) or the terminal changes nothing of how the command ends; that a disk without room for the result is
told; and that no encoding of a terminal stops a text. Does not promise that anybody reads it.
"""

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from typing import IO, Final

from rich.console import Console

from pipeline.engine.errors import AskPerson
from pipeline.review.visible import visible

WIDTH_OF_A_PIPE: Final = 10_000
"""Columns where no window sets a limit: a table in a file is not folded."""


class OutputRefused(AskPerson):
    """The result cannot be written where standard output leads."""

    code = "output_refused"


class NewsConsole(Console):
    """Standard error: falls silent when its reader has left, since work goes on without a listener."""

    def __init__(self) -> None:
        super().__init__(stderr=True)

    def on_broken_pipe(self) -> None:
        """Fall silent; rich would end the process, with an exit code that means something else here."""
        self.quiet = True
        _detach(sys.stderr)


@contextlib.contextmanager
def result_page() -> Iterator[Console]:
    """Collect a result and write it in one piece.

    Raises:
        OutputRefused: There is no room where standard output leads.
    """
    text = io.StringIO()
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    console = Console(file=text, force_terminal=is_terminal or None)
    if not console.is_terminal:
        console.width = WIDTH_OF_A_PIPE
    yield console
    write_text(text.getvalue())


def write_text(text: str) -> None:
    """Write a result; a reader who has left is no error.

    Raises:
        OutputRefused: There is no room where standard output leads.
    """
    if sys.stdout is None:
        return  # It was closed on purpose (`>&-`).
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _detach(sys.stdout)  # Whoever reads has seen enough.
    except OSError as error:
        _detach(sys.stdout)
        raise OutputRefused(
            f"The result cannot be written to standard output: {error.strerror}.",
            next_step="Send it elsewhere: the same command prints it again at no cost.",
        ) from error


def write_json(value: object) -> None:
    """Write a JSON document; what is not ASCII is escaped, so no terminal obeys anything in it.

    Raises:
        OutputRefused: There is no room where standard output leads.
    """
    write_text(json.dumps(value, indent=2, ensure_ascii=True) + "\n")


def say_last(text: str) -> None:
    """Say on standard error how the command ends, to whoever is still there."""
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr is not None:  # Closed before we began, and then anything may have taken its number.
            sys.stderr.write(f"onceover: {visible(text)}\n")
            sys.stderr.flush()


def speak_any_encoding() -> None:
    """Let a character that the reader's encoding lacks cost that character and not the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _detach(stream: IO[str]) -> None:
    """Lead a stream nowhere, so that what is left in it does not fail again when Python ends."""
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device.
        os.dup2(nowhere.fileno(), stream.fileno())
