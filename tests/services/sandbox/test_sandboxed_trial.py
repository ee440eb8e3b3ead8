"""A trial in the sandbox: the commit's files, the command, the reports; and nothing left."""

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.services.sandbox.contract import NotRun
from pipeline.services.sandbox.proven import MissingSandbox
from pipeline.services.sandboxed_trial import run_sandboxed_trial
from pipeline.services.trial import Order, Outcome, Place
from tests.services.sandbox.chamber import TIGHT, Chamber


@dataclass
class Files:
    """Work trees made of a few files and a `.git`; the real ones are git's."""

    files: dict[str, str] = field(default_factory=dict)

    async def add_worktree(self, path: Path, commit: str) -> None:
        """Write the files."""
        assert commit == "c0ffee"
        await asyncio.to_thread(self._write, path)

    async def remove_worktree(self, path: Path) -> None:
        """Leave it to the trial."""

    def _write(self, path: Path) -> None:
        (path / ".git").mkdir(parents=True)
        for name, text in self.files.items():
            (path / name).write_text(text)


def order_of(*command: str, junit: str | None = None, seconds_max: float = 20.0) -> Order:
    """Make an order."""
    return Order(commit="c0ffee", command=command, junit=junit, seconds_max=seconds_max)


async def tried(chamber: Chamber, place: Path, order: Order, **files: str) -> Outcome:
    """Run an order, and expect it to have left nothing."""
    outcome = await run_sandboxed_trial(Files(files), Place.of(place, "r_1.test.1"), chamber.sandbox, TIGHT, order)
    assert isinstance(outcome, Outcome), outcome
    assert os.listdir(place) == []  # noqa: PTH208  Empty, it should be.
    return outcome


async def test_the_commits_files_are_tested_without_our_git_and_new_reports_come_back(
    chamber: Chamber, tmp_path: Path
) -> None:
    script = "cat prices; ls -A; mkdir reports; echo '<new/>' > reports/a.xml; echo no > reports/a.txt; exit 1"
    order = order_of("sh", "-c", script)

    outcome = await tried(chamber, tmp_path / "trials", order, prices="two\n", **{"junit.xml": "<old/>"})

    assert outcome.completed.exit_code == 1
    assert outcome.completed.stdout == b"two\njunit.xml\nprices\n"
    assert [(file.path, file.content) for file in outcome.reports] == [("reports/a.xml", b"<new/>\n")]


async def test_a_report_that_is_asked_for_may_have_any_name(chamber: Chamber, tmp_path: Path) -> None:
    order = order_of("sh", "-c", "mkdir -p out; echo '<a/>' > out/tests.report", junit="out/tests.report")

    outcome = await tried(chamber, tmp_path / "trials", order)

    assert [file.path for file in outcome.reports] == ["out/tests.report"]


async def test_the_time_of_the_order_counts_where_it_is_less(chamber: Chamber, tmp_path: Path) -> None:
    outcome = await tried(chamber, tmp_path / "trials", order_of("sleep", "600", seconds_max=0.2))

    assert outcome.completed.timed_out
    assert outcome.stopped == "It took more than 0.2 s."


async def test_another_limit_is_told_as_what_it_is(chamber: Chamber, tmp_path: Path) -> None:
    outcome = await tried(chamber, tmp_path / "trials", order_of("yes"))

    assert not outcome.completed.timed_out
    assert outcome.stopped == "It wrote more than 64 KiB."


async def test_without_a_sandbox_nothing_is_run(tmp_path: Path) -> None:
    missing = MissingSandbox(detail="There is none.", next_step="Install one.")
    place = Place.of(tmp_path / "trials", "r_1.test.1")

    outcome = await run_sandboxed_trial(Files(), place, missing, TIGHT, order_of("true"))

    assert isinstance(outcome, NotRun)
    assert os.listdir(tmp_path / "trials") == []  # noqa: PTH208  Same.
