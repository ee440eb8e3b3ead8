"""Command line: the tree of commands, and how each of them ends.

Commands are named here and loaded when they are called, so that `onceover --help` costs no more than its text.
"""

import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Final

from cyclopts import App, CycloptsError

from bot.exit_codes import ExitCode, exit_code_of
from pipeline.engine.errors import OnceoverError

HELP: Final = """One durable once-over for every change.

Five stages, analyze, test, docs, summarize, comment, each checkpointed: interrupted at any point, the same command
goes on where it stopped, and nothing that finished is paid for twice.

Start with `onceover demo`, then run `onceover review` on a branch of your own.
"""

EPILOGUE: Final = """
**Exit codes:** 0 done; 1 findings at or above `--fail-on`, failing tests, or a check that does not hold; 2 usage;
3 configuration (settings, Redis, disk); 4 could not review (the model or a server did not do its part);
130 interrupted, the same command continues.

**Settings** come from the environment and `.env`: ONCEOVER_REDIS_URL (unset: a Redis of our own under
ONCEOVER_STATE_DIR), OPENAI_API_KEY or OPENAI_BASE_URL with ONCEOVER_LLM_MODEL (unset: no model, and it says so).
"""


def make_app() -> App:
    """Make the command tree."""
    app = App(
        name="onceover",
        help=HELP,
        help_epilogue=EPILOGUE,
        help_format="markdown",
        version=lambda: metadata.version("onceover"),
        result_action="return_value",
    )
    app.command("bot.commands.review:review", name="review", help="Review a branch of a local repository.")
    app.command("bot.commands.demo:demo", name="demo", help="See it work: a review, killed in the middle, resumed.")
    app.command(_runs())
    audit = App(name="audit", help="Check what the journals say.")
    audit.command("bot.commands.audit:verify_chains", name="verify", help="Check the hash chain of one run, or of all.")
    app.command(audit)
    return app


def _runs() -> App:
    runs = App(name="runs", help="Look at runs, and act on them.")
    runs.command("bot.commands.runs:list_runs", name="list", help="List the newest runs.")
    runs.command("bot.commands.runs:show", name="show", help="Tell the story of one run.")
    runs.command("bot.commands.runs:rerun", name="rerun", help="Do stages of a run again.")
    runs.command("bot.commands.runs:cancel", name="cancel", help="Stop a run.")
    return runs


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit code."""
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = make_app()(arguments, exit_on_error=False)
    except CycloptsError:
        return ExitCode.USAGE  # cyclopts has printed what is wrong.
    except OnceoverError as error:
        print(f"onceover: {error}", file=sys.stderr)  # noqa: T201 - the last word of a command.
        return exit_code_of(error)
    except KeyboardInterrupt:
        print("onceover: interrupted.", file=sys.stderr)  # noqa: T201
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # The reader left (`| head`); a complaint about the complaint helps nobody.
        return ExitCode.DONE
    return code if isinstance(code, int) else ExitCode.DONE
