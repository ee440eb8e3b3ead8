"""Trial: one execution of the repository's test command on a fresh work tree of one commit.

Promises that when `run_trial` returns, raises or is cancelled
- the command, its group and all that carries the trial's mark are gone, and so is the work tree;
- the user's own work tree was neither read nor written by us.
Each execution has a place and a mark of its own. It clears those, and before it starts the older ones of the same stage
of the same run, processes and files: a killed Onceover left them, or one that is not the holder any more and whose
result is refused. It never touches a newer one's, however late it wakes up.

Does not promise isolation: a local review runs the branch's code with the user's rights and on the user's files, as
running its tests by hand would. It only spares it what looks like a secret in the environment; files, and the
environment of other processes of the user, this one's too, are open to it. (An operator's service must not use
this for strangers' code; that takes the sandbox, `pipeline.services.sandbox`.)
Does not install anything: the programs and libraries are those of the user's environment. A library that is
installed from the user's own tree (`pip install -e`) is tested as it stands there, not as committed.
"""

import asyncio
import contextlib
import hashlib
import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, Self

from pipeline.services import process, report_files
from pipeline.services.report_files import ReportFile
from pipeline.services.stragglers import MARK, end_stragglers

OUTPUT_BYTES_MAX: Final = 200_000
"""End of stdout and of stderr that is held; a report shows a few thousand characters of it."""

SETTLE_SECONDS_MAX: Final = 360.0
"""Time that a trial may take besides its command: check-out of a large tree, TERM grace, reports, removal."""

_SECRET_NAME: Final = re.compile(
    r"^(ONCEOVER|OPENAI|ANTHROPIC|GEMINI|AWS|AZURE|GOOGLE_APPLICATION|SENTRY|VAULT)_"
    r"|(^|_)(API_?KEY|KEY|TOKEN|SECRETS?|PASS|PASSWORD|PASSWD|PASSPHRASE|PWD|CREDENTIALS?|PAT|DSN|COOKIE|AUTH|NETRC)(_|$)",
    re.IGNORECASE,
)
"""Names of variables that are withheld: a rule that errs on the side of too many, since tests seldom need them."""

_SECRET_VALUE: Final = re.compile(
    r"://[^/?#\s]*@"  # A URL with a user, mostly with a password, or with a token for a user.
    r"|^[^/\s:@]+:[^/\s@]+@\w+\("  # What Go's database drivers call a DSN: user:password@tcp(host)/name.
    r"|(^|[\s;,&?])(password|passwd|pwd|token|secret|api_?key|access_?key|account_?key)\s*="
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----",
    re.IGNORECASE,
)
"""Values that hold credentials under any name: DATABASE_URL is the commonest."""

_NOT_SECRET: Final = frozenset({"PWD", "OLDPWD"})

_GIT_NAME: Final = re.compile(r"^GIT_(?!AUTHOR_|COMMITTER_)")
"""Set by git for its hooks, these would point the tests' own git at the user's repository."""


class Worktrees(Protocol):
    """Work trees of a repository."""

    async def add_worktree(self, path: Path, commit: str) -> None:
        """Write the commit's files to the path, without hooks and filters."""

    async def remove_worktree(self, path: Path) -> None:
        """Remove what `add_worktree` made; nothing there is fine too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The directory of one execution, among those of the other executions of the same stage of the same run."""

    trials: Path
    """Directory of ours that holds all places."""
    family: str
    """What the executions of the same stage of the same run have in common."""
    claim: int
    """Which of them this is; a later one has a larger number."""

    @classmethod
    def of(cls, trials: Path, lease_mark: str) -> Self:
        """Choose the place of an execution by its mark, `RUN.STAGE.CLAIM`."""
        whose, _, claim = lease_mark.rpartition(".")
        return cls(trials=trials, family=hashlib.sha256(whose.encode()).hexdigest()[:16], claim=int(claim))

    @property
    def path(self) -> Path:
        """The directory; its text is the mark of the execution's processes as well."""
        return self.trials / f"{self.family}.{self.claim}"

    def older(self) -> list[Path]:
        """Find what is left of older executions."""
        return [
            found
            for found in self.trials.glob(f"{self.family}.*")
            if (number := found.suffix[1:]).isdecimal() and int(number) < self.claim
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to try."""

    commit: str
    command: tuple[str, ...]
    junit: str | None
    """Report file or folder in the tree; the usual places without it."""
    seconds_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How it went."""

    completed: process.Completed
    reports: tuple[ReportFile, ...]
    withheld: tuple[str, ...]
    """Names of the variables that the command did not get because they look like secrets."""
    stragglers: int
    """Processes that the command left behind and that were ended."""


async def run_trial(worktrees: Worktrees, place: Place, environ: Mapping[str, str], order: Order) -> Outcome:
    """Check out, run, collect, remove.

    Args:
        worktrees: Of the repository under review.
        place: Where; this execution's alone.
        environ: The user's environment; what looks like a secret is withheld.
        order: What to try.

    Raises:
        CannotStart: The command is not there or may not be run.
        OnceoverError: The commit could not be checked out.
    """
    tree = place.path / "tree"
    await asyncio.to_thread(_clear_older, place)
    await _clear(worktrees, place.path)
    try:
        await asyncio.to_thread(place.path.mkdir, parents=True, mode=0o700)
        await worktrees.add_worktree(tree, order.commit)
        return await _run_in(tree, environ, order)
    finally:  # Cut short by a second cancellation, the rest is cleared by the next attempt.
        await _clear(worktrees, place.path)


def trial_environment(environ: Mapping[str, str], tree: Path) -> dict[str, str]:
    """Make the command's environment: the user's own without secrets, with `CI` and the trial's mark."""
    kept = {
        name: value for name, value in environ.items() if not _is_withheld(name, value) and not _GIT_NAME.match(name)
    }
    wish = f"--junitxml={shlex.quote(str(_own_report(tree)))}"
    return kept | {
        "CI": "true",
        "PWD": str(tree),
        "PYTEST_ADDOPTS": f"{kept.get('PYTEST_ADDOPTS', '')} {wish}".strip(),  # Others do not look at it.
        MARK: str(tree.parent),
    }


def withheld_names(environ: Mapping[str, str]) -> tuple[str, ...]:
    """List the variables that the command does not get because they look like secrets."""
    return tuple(sorted(name for name, value in environ.items() if _is_withheld(name, value)))


async def _run_in(tree: Path, environ: Mapping[str, str], order: Order) -> Outcome:
    before = await asyncio.to_thread(report_files.look, tree, order.junit)
    try:
        completed = await process.run(
            order.command,
            cwd=tree,
            env=trial_environment(environ, tree),
            seconds_max=order.seconds_max,
            output_bytes_max=OUTPUT_BYTES_MAX,
            keep=process.Keep.TAIL,
        )
    finally:
        stragglers = await asyncio.to_thread(end_stragglers, str(tree.parent))
    return Outcome(
        completed=completed,
        reports=await asyncio.to_thread(_reports, tree, order.junit, before),
        withheld=withheld_names(environ),
        stragglers=stragglers,
    )


def _reports(tree: Path, asked_for: str | None, before: report_files.Sight) -> tuple[ReportFile, ...]:
    """Take the report that was asked for, else those at the usual places, else the one that pytest wrote for us."""
    found = report_files.collect(tree, asked_for, before)
    own = _own_report(tree)
    if found or asked_for is not None:
        return found
    return report_files.collect(own.parent, own.name, before={})


def _own_report(tree: Path) -> Path:
    """Where pytest, by its environment, is asked to leave a report: beside the tree, so that no test sees it."""
    return tree.parent / "pytest.xml"


def _is_withheld(name: str, value: str) -> bool:
    return name not in _NOT_SECRET and bool(_SECRET_NAME.search(name) or _SECRET_VALUE.search(value))


def _clear_older(place: Place) -> None:
    """Clear what older executions left; one that still runs is in the way of nobody, so failing to clear it is fine."""
    for path in place.older():
        end_stragglers(str(path))
        _remove_all(path)


async def _clear(worktrees: Worktrees, place: Path) -> None:
    """End the processes first: they could write into what is being removed."""
    await asyncio.to_thread(end_stragglers, str(place))
    await worktrees.remove_worktree(place / "tree")
    await asyncio.to_thread(_remove_all, place)


def _remove_all(place: Path) -> None:
    """Remove the place, whatever modes the tests gave to its directories; what resists is left for the next attempt."""
    with contextlib.suppress(OSError):
        shutil.rmtree(place)
        return
    for folder, _, _ in os.walk(place):  # Top down, and never through a link.
        with contextlib.suppress(OSError):
            Path(folder).chmod(0o700)
    shutil.rmtree(place, ignore_errors=True)
