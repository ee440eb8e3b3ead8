"""`onceover sandbox`: run a command in the sandbox by hand, and have the sandbox prove itself."""

import asyncio
import codecs
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final, TextIO, assert_never

from cyclopts import Parameter, validators
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.exit_codes import ExitCode
from bot.output import result_page, say_last, write_json
from bot.sandbox import limits_of, open_sandbox
from bot.settings import read_settings
from bot.settings_tree import Settings
from pipeline.review.visible import visible
from pipeline.review.wording import count
from pipeline.services.sandbox.contract import NotRun, Outcome, Ran, Stopped
from pipeline.services.sandbox.limits import Limits
from pipeline.services.sandbox.proof import Proof
from pipeline.services.sandbox.proven import MissingSandbox

LIMIT_REACHED: Final = 124
"""Exit code of timeout(1) when the time is over; here for every limit."""

COULD_NOT_START: Final = 125
"""Exit code of timeout(1), env(1) and docker when they themselves fail."""

SCHEMA_VERSION: Final = 1

AsJson = Annotated[bool, Parameter(name="--json", negative="", show_default=False, help="Print JSON instead of text.")]


def _option(text: str) -> Parameter:
    return Parameter(show_default=False, help=text, validator=validators.Number(gt=0))


Seconds = Annotated[float | None, _option("Seconds that the command may take.")]
Memory = Annotated[int | None, _option("MiB of memory of all processes together, besides their files.")]
Pids = Annotated[int | None, _option("Processes and threads at once.")]
TmpSize = Annotated[int | None, _option("MiB of /tmp.")]
WorkSize = Annotated[int | None, _option("MiB of the copy of the checkout, with all that is written into it.")]
OutputSize = Annotated[int | None, _option("KiB of stdout and of stderr, each.")]


def run(  # noqa: PLR0913  Each is an option of its own.
    *command: Annotated[str, Parameter(help="The command, after `--`; there is no shell.")],
    checkout: Annotated[Path, Parameter(help="Directory that the command gets a copy of.")],
    timeout: Seconds = None,
    memory_mb: Memory = None,
    pids: Pids = None,
    tmp_mb: TmpSize = None,
    work_mb: WorkSize = None,
    output_kb: OutputSize = None,
) -> int:
    """Run a command in the sandbox, print what it prints, and pass on its exit code."""
    settings = _settings()
    usual = limits_of(settings)
    limits = Limits(
        seconds=timeout or usual.seconds,
        memory_mb=memory_mb or usual.memory_mb,
        pids=pids or usual.pids,
        tmp_mb=tmp_mb or usual.tmp_mb,
        work_mb=work_mb or usual.work_mb,
        output_kb=output_kb or usual.output_kb,
    )
    if not command:
        say_last("There is no command. Name one after `--`, as in `onceover sandbox run --checkout . -- pytest -q`.")
        return ExitCode.USAGE
    printer = _Printer()
    outcome = asyncio.run(open_sandbox(settings, os.environ, hear=printer.hear).run(command, checkout, limits))
    return _tell(outcome)


def check(*, as_json: AsJson = False) -> ExitCode:
    """Make the attacks of the self-proof and show each with its outcome."""
    sandbox = open_sandbox(_settings(), os.environ)
    if isinstance(sandbox, MissingSandbox):
        proof, why = Proof(attempts=()), sandbox
    else:
        proof, why = asyncio.run(sandbox.proof()), None
    if as_json:
        write_json(_as_document(proof, why))
    else:
        with result_page() as page:
            _show(proof, why, page)
    return ExitCode.DONE if proof.holds else ExitCode.FINDINGS


def _settings() -> Settings:
    """Read the settings; a sandbox by hand needs no state directory, and so no home to derive it from."""
    return read_settings({"HOME": "/", **os.environ}, Path.cwd() / ".env")


def _tell(outcome: Outcome) -> int:
    """Say how it ended, if the command has not, and choose the exit code."""
    match outcome:
        case Ran():
            return outcome.exit_code
        case Stopped():
            say_last(f"The command was stopped: {outcome.detail}")
            return LIMIT_REACHED
        case NotRun():
            say_last(f"{outcome.detail} {outcome.next_step}".strip())
            return COULD_NOT_START
        case _:
            assert_never(outcome)


class _Printer:
    """Print output as it comes: bytes as they are, but to a terminal nothing that it would obey."""

    def __init__(self) -> None:
        self._streams: Final[dict[int, TextIO | None]] = {1: sys.stdout, 2: sys.stderr}
        self._decoders: Final = {fd: codecs.getincrementaldecoder("utf-8")("replace") for fd in self._streams}

    def hear(self, fd: int, piece: bytes) -> None:
        """Print a piece; a reader who has left is no error."""
        stream = self._streams[fd]
        if stream is None:  # It was closed on purpose.
            return
        try:
            if stream.isatty():
                stream.write(visible(self._decoders[fd].decode(piece)))
            else:
                stream.buffer.write(piece)
            stream.flush()
        except OSError:
            self._streams[fd] = None


def _as_document(proof: Proof, why: MissingSandbox | None) -> dict[str, object]:
    return {
        "schema_version": SCHEMA_VERSION,
        "holds": proof.holds,
        "detail": why.detail if why else proof.fault,
        "next_step": why.next_step if why else "",
        "attempts": [asdict(one) for one in proof.attempts],
    }


def _show(proof: Proof, why: MissingSandbox | None, page: Console) -> None:
    if why is not None:
        page.print(Text(f"{why.detail} {why.next_step}"), soft_wrap=True)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(4):
        table.add_column(overflow="fold")
    for one in proof.attempts:
        mark = Text("✔", style="green") if one.held else Text("✘", style="bold red")
        table.add_row(mark, str(one.case), Text(one.attack), Text(visible(one.detail, lines=False), style="dim"))
    page.print(table)
    broken = sum(not one.held for one in proof.attempts)
    said = f"{count(broken, 'attack')} got through: nothing is run in this sandbox." if broken else "All of them held."
    page.print(Text(f"\n{said}"))
