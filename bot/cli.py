"""Command line: the tree of commands, and how each of them ends.

Commands are named here and loaded when they are called, so that `onceover --help` costs no more than its text.
"""

import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Final

from cyclopts import App, CycloptsError

from bot.exit_codes import ExitCode, exit_code_of
from bot.output import say_last, speak_any_encoding
from pipeline.engine.errors import OnceoverError

HELP: Final = """One durable once-over for every change.

Five stages, analyze, test, docs, summarize, comment, each checkpointed: interrupted at any point, the same command
goes on where it stopped, and nothing that finished is paid for twice.

Start with `onceover demo`, then run `onceover review` on a branch of your own.
"""

EPILOGUE: Final = """
**Exit codes:** 0 done; 1 findings at or above `--fail-on`, failing tests, or a check that does not hold; 2 usage;
3 configuration (settings, Redis, disk); 4 could not review (the model or the tests did not do their part);
130 interrupted, the same command continues.

**Settings** come from the environment: ONCEOVER_REDIS_URL (unset: a Redis of our own under ONCEOVER_STATE_DIR); and
from there or `.env`: OPENAI_API_KEY or OPENAI_BASE_URL with ONCEOVER_LLM_MODEL (unset: no model, and it says so).
"""


REVIEW: Final = """Review a branch of a local repository.

It looks at what the branch commits, not at what is uncommitted, and touches neither.

Durable: interrupted by Ctrl-C or kill -9, the same command goes on where it stopped. Asked again, it answers from
checkpoints. A second one on the same commit follows the first and pays nothing.

The test command runs code of the branch with your rights, as running the tests by hand would.
"""

DEMO: Final = """See it work: a pull request on a bad day, and exactly one comment.

A worker is killed, a webhook comes twice, GitHub answers 502 after it wrote. Takes some 15 seconds. GitHub and the
model are simulated on this machine; webhooks, processes, Redis and git are real.
"""

RERUN: Final = """Do stages of a run again, and those that depend on them.

All else keeps its checkpoint. A worker does the work; of a local review, the next `onceover review` of that head.
"""

RESUME: Final = """Let a run go on that failed or was cancelled.

What is not done is tried again; all else keeps its checkpoint.
"""

CANCEL: Final = """Stop a run now.

What is done is kept; the same review later goes on from there.
"""

VERIFY: Final = """Check the hash chain of one run, or of all.

Shows entries that are missing, altered or out of order. Keep the heads that it prints somewhere else to be able to
show later that nobody rewrote a whole journal.
"""


SETUP: Final = """Register the GitHub App with one click, and store its credentials.

Opens a page that only the printed link unlocks; GitHub makes the App and hands over its key. Then install it on your
repositories and start `onceover dev`.
"""

DOCTOR: Final = """Say what this installation lacks, and the fix for each.

Redis and what it promises, the App's key, permissions and webhook, clocks, the model, git, disk.
"""

SANDBOX_RUN: Final = """Run a command where it can reach nothing, and take no more than its limits.

It gets a copy of the checkout, no network, no environment of yours, and is ended with all that it starts. Its output
is printed, its exit code passed on; 124 says that a limit was reached, 125 that the sandbox could not start.
"""

SANDBOX_CHECK: Final = """Have the sandbox attack itself, and show each attack with its outcome.

Nothing is ever run in a sandbox in which one of them gets through.
"""

RECOVER: Final = """Have GitHub send again what failed, and review the heads that were missed.

A worker with the role broker does this by itself every five minutes; this does it now and says what it found.
"""

DEV: Final = """Run the whole App in one process: web, workers, and a Redis of its own.

For a first real App. It needs what `onceover setup` stores, or the same in the environment. Stopped and started again,
it goes on where it was.
"""

SERVE: Final = """Take GitHub's deliveries: the web process.

Verifies, stores and answers; does no work and holds no token. Give every process of one installation the same Redis
and the same ONCEOVER_SECRET_KEY.
"""

WORKER: Final = """Do the work: the worker process.

In production two of them, so that who reads what strangers wrote holds no key that writes:
`--roles reviewer` with the model's key, and `--roles publisher,broker` with the App's key.

On SIGTERM it finishes the steps under way and hands its runs on.
"""


USAGE: Final = """Tell what model calls cost: tokens, and money where a price is known.

By repository, pull request, installation, model, day or run. Every paid call counts once, the small questions by which
a model's abilities are found out as well.
"""


EVAL: Final = """Measure how good the review is, on pull requests whose defects are known.

Reviews each as `onceover review` would, with the model of your settings or with none, and tells how many of the
planted defects were found, what was said besides, and what it cost. As durable as a review: interrupted, the same
command goes on.
"""


REVIEW_BENCH: Final = """Review one pull request as ReviewBench's container contract says.

What to review comes from RB_BASE, RB_HEAD and their like; findings go to RB_OUT. For an image's entry point.
"""

MARTIAN: Final = """Review the pull requests of Martian's offline set.

Adds our remarks to `benchmark_data.json`; the benchmark's own steps judge them. docs/evaluation.md tells what to fetch.
"""

SWE_PRBENCH: Final = """Review the frozen diffs of SWE-PRBench.

Writes `agent_outputs` for the benchmark's own judge. docs/evaluation.md tells what to fetch.
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
    app.command("bot.commands.review:review", name="review", help=REVIEW)
    app.command("bot.commands.demo:demo", name="demo", help=DEMO, help_epilogue="")
    app.command("bot.commands.dev:dev", name="dev", help=DEV, help_epilogue="")
    app.command("bot.commands.serve:serve", name="serve", help=SERVE, help_epilogue="")
    app.command("bot.commands.worker:worker", name="worker", help=WORKER, help_epilogue="")
    app.command("bot.commands.setup:setup", name="setup", help=SETUP, help_epilogue="")
    app.command("bot.commands.doctor:doctor", name="doctor", help=DOCTOR, help_epilogue="")
    app.command(_config())
    app.command(_deliveries())
    app.command(_runs())
    app.command(_sandbox())
    app.command(_audit())
    app.command("bot.commands.eval:evaluate_cases", name="eval", help=EVAL, help_epilogue="")
    app.command(_bench())
    app.command("bot.commands.usage:usage", name="usage", help=USAGE, help_epilogue="")
    return app


def _runs() -> App:
    runs = App(name="runs", help="Look at runs, and act on them.", help_epilogue="")
    runs.command("bot.commands.runs:list_runs", name="list", help="List the newest runs.")
    runs.command("bot.commands.runs:show", name="show", help="Tell the story of one run, from its journal.")
    runs.command("bot.commands.runs:rerun", name="rerun", help=RERUN)
    runs.command("bot.commands.runs:resume", name="resume", help=RESUME)
    runs.command("bot.commands.runs:cancel", name="cancel", help=CANCEL)
    return runs


def _config() -> App:
    config = App(name="config", help="Look at `.github/onceover.yml`.", help_epilogue="")
    config.command("bot.commands.config:check", name="check", help="Say what is wrong with it, line by line.")
    config.command("bot.commands.config:show", name="show", help="Show every setting as it holds, and where it is set.")
    config.command("bot.commands.config:schema", name="schema", help="Print its JSON Schema, for an editor.")
    return config


def _deliveries() -> App:
    deliveries = App(name="deliveries", help="Look at what GitHub sent, and ask for what was missed.", help_epilogue="")
    deliveries.command("bot.commands.deliveries:show", name="show", help="Tell what became of a delivery, and why.")
    deliveries.command("bot.commands.deliveries:recover", name="recover", help=RECOVER)
    return deliveries


def _sandbox() -> App:
    sandbox = App(name="sandbox", help="Run strangers' code, safely.", help_epilogue="")
    sandbox.command("bot.commands.sandbox:run", name="run", help=SANDBOX_RUN)
    sandbox.command("bot.commands.sandbox:check", name="check", help=SANDBOX_CHECK)
    return sandbox


def _bench() -> App:
    bench = App(name="bench", help="Review somebody else's benchmark, for its judge to score.", help_epilogue="")
    bench.command("bot.commands.bench:review_bench_command", name="review-bench", help=REVIEW_BENCH)
    bench.command("bot.commands.bench:martian_command", name="martian", help=MARTIAN)
    bench.command("bot.commands.bench:swe_prbench_command", name="swe-prbench", help=SWE_PRBENCH)
    return bench


def _audit() -> App:
    audit = App(name="audit", help="Check what the journals say.", help_epilogue="")
    audit.command("bot.commands.audit:verify_chains", name="verify", help=VERIFY)
    return audit


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit code."""
    speak_any_encoding()
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = make_app()(arguments, exit_on_error=False)
    except CycloptsError:
        return ExitCode.USAGE  # cyclopts has printed what is wrong.
    except OnceoverError as error:
        say_last(str(error))
        return exit_code_of(error)
    except KeyboardInterrupt:
        say_last("interrupted.")
        return ExitCode.INTERRUPTED
    return code if isinstance(code, int) else ExitCode.DONE
