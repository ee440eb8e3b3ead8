"""A trial runs a command on a fresh tree and leaves nothing behind: no process, no file, no secret handed on."""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.services.process import CannotStart
from pipeline.services.stragglers import MARK
from pipeline.services.trial import Order, Outcome, Place, run_trial, trial_environment, withheld_names

PYTHON = (sys.executable, "-I", "-S", "-c")
LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="Processes are found by /proc.")

DAEMON = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open(sys.argv[1] + ".new", "w") as file:
            file.write(str(os.getpid()))
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        time.sleep(600)
    os._exit(0)
os.wait()
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
"""
"""Leaves its session and group, ignores SIGTERM and holds stdout open (security case 62)."""


@dataclass
class FolderWorktrees:
    """Work trees made of a few files; the real ones are git's."""

    files: dict[str, str] = field(default_factory=dict)

    async def add_worktree(self, path: Path, commit: str) -> None:
        """Write the files."""
        assert commit == "c0ffee"
        await asyncio.to_thread(self._write, path)

    async def remove_worktree(self, path: Path) -> None:
        """Leave the removal of the files to the trial."""

    def _write(self, path: Path) -> None:
        path.mkdir()
        for name, text in self.files.items():
            (path / name).write_text(text)


@dataclass
class Bench:
    """The executions of one stage of one run."""

    trials: Path
    claim: int = 2
    worktrees: FolderWorktrees = field(default_factory=FolderWorktrees)

    async def run(
        self, *command: str, seconds_max: float = 60, junit: str | None = None, environ: dict[str, str] | None = None
    ) -> Outcome:
        """Run a command in a trial."""
        order = Order(commit="c0ffee", command=command, junit=junit, seconds_max=seconds_max)
        return await run_trial(self.worktrees, self.place(), {"PATH": "/usr/bin:/bin"} | (environ or {}), order)

    def place(self, claim: int | None = None, *, whose: str = "r_1.test") -> Place:
        """Name the place of an execution, this one's if nothing else is said."""
        return Place.of(self.trials, f"{whose}.{claim or self.claim}")

    async def leave_over(self, place: Place) -> asyncio.subprocess.Process:
        """Leave files and a process, as an Onceover does that is killed, or stopped for a while."""
        (place.path / "tree" / "old").mkdir(parents=True)
        return await asyncio.create_subprocess_exec("sleep", "600", env={MARK: str(place.path)}, start_new_session=True)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(trials=tmp_path / "trials")


def is_gone(pid: int) -> bool:
    """Whether it runs no more; a zombie that nobody reaps counts as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


async def test_the_command_runs_in_the_tree_without_a_shell_and_without_input(bench: Bench) -> None:
    bench.worktrees.files["data.txt"] = "from the commit"

    outcome = await bench.run(
        *PYTHON, "import sys; print(open('data.txt').read(), sys.argv[1:], sys.stdin.read())", "$HOME;"
    )

    assert outcome.completed.stdout == b"from the commit ['$HOME;'] \n"
    assert outcome.completed.exit_code == 0


@pytest.mark.parametrize(
    "command", [("true",), ("false",), ("sh", "-c", "kill -9 $$"), ("sh", "-c", "chmod 0 .; mkdir x")]
)
async def test_nothing_is_left_however_it_ends(bench: Bench, command: tuple[str, ...]) -> None:
    await bench.run(*command)

    assert not list(bench.trials.iterdir())


async def test_nothing_is_left_when_there_is_no_such_program(bench: Bench) -> None:
    with pytest.raises(CannotStart, match="no-such-program"):
        await bench.run("no-such-program")

    assert not list(bench.trials.iterdir())


async def test_nothing_is_left_when_it_is_cancelled(bench: Bench, tmp_path: Path) -> None:
    os.mkfifo(started := tmp_path / "pid")
    trial = asyncio.ensure_future(bench.run("sh", "-c", f"echo $$ >{started}; exec sleep 600"))
    pid = int(await asyncio.to_thread(started.read_text))

    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial

    assert is_gone(pid)
    assert not list(bench.trials.iterdir())


@LINUX_ONLY
async def test_a_daemon_is_gone_when_the_command_has_ended(bench: Bench, tmp_path: Path) -> None:
    outcome = await bench.run(*PYTHON, DAEMON, str(tmp_path / "pid"))

    assert outcome.completed.exit_code == 0
    assert outcome.stragglers == 1
    assert is_gone(int((tmp_path / "pid").read_text()))


@LINUX_ONLY
async def test_a_daemon_is_gone_when_the_time_is_over(bench: Bench, tmp_path: Path) -> None:
    outcome = await bench.run(*PYTHON, DAEMON + "time.sleep(600)", str(tmp_path / "pid"), seconds_max=1.5)

    assert outcome.completed.timed_out
    assert is_gone(int((tmp_path / "pid").read_text()))


@LINUX_ONLY
@pytest.mark.parametrize("claim", [1, 2])
async def test_what_a_killed_execution_left_is_cleared_first(bench: Bench, claim: int) -> None:
    """Security case 63: files and processes of an Onceover that was killed with SIGKILL."""
    left_over = await bench.leave_over(bench.place(claim))

    outcome = await bench.run("ls")

    assert await left_over.wait() == -signal.SIGKILL
    assert outcome.completed.stdout == b""
    assert not list(bench.trials.iterdir())


@LINUX_ONLY
@pytest.mark.parametrize(("claim", "whose"), [(3, "r_1.test"), (10, "r_1.test"), (1, "r_2.test")])
async def test_a_newer_execution_and_that_of_another_run_are_left_alone(bench: Bench, claim: int, whose: str) -> None:
    """A worker that was stopped and wakes up late must not end its successor's tests."""
    other = bench.place(claim, whose=whose)
    running = await bench.leave_over(other)

    await bench.run("true")

    try:
        assert not is_gone(running.pid)
        assert (other.path / "tree" / "old").is_dir()
    finally:
        running.kill()
        await running.wait()


@LINUX_ONLY
async def test_an_execution_that_was_superseded_ends_without_touching_its_successor(
    bench: Bench, tmp_path: Path
) -> None:
    os.mkfifo(started := tmp_path / "started")
    let_go = tmp_path / "let_go"
    command = ("sh", "-c", f"echo >{started}; until [ -e {let_go} ]; do sleep 0.02; done; echo done")
    old = asyncio.ensure_future(Bench(trials=bench.trials, claim=1).run(*command))
    await asyncio.to_thread(started.read_text)

    new = asyncio.ensure_future(bench.run(*command))
    await asyncio.to_thread(started.read_text)
    ended = await old
    let_go.touch()

    assert ended.completed.exit_code == -signal.SIGKILL
    assert (await new).completed.stdout == b"done\n"
    assert not list(bench.trials.iterdir())


async def test_a_flood_of_output_is_cut_to_its_end(bench: Bench) -> None:
    """Security case 61."""
    outcome = await bench.run(*PYTHON, "import sys; sys.stdout.write('x' * 20_000_000); print('the end')")

    assert outcome.completed.truncated
    assert len(outcome.completed.stdout) == 200_000
    assert outcome.completed.stdout.endswith(b"the end\n")


async def test_the_report_that_the_command_wrote_is_collected(bench: Bench) -> None:
    outcome = await bench.run(
        "sh", "-c", "mkdir -p build/test-results/unit; echo '<x/>' >build/test-results/unit/TEST-a.xml"
    )

    assert [(file.path, file.content) for file in outcome.reports] == [
        ("build/test-results/unit/TEST-a.xml", b"<x/>\n")
    ]


async def test_pytest_is_asked_for_a_report_beside_the_tree(bench: Bench) -> None:
    bench.worktrees.files["test_it.py"] = "def test_it(): assert 0"

    outcome = await bench.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")

    (report,) = outcome.reports
    assert report.path == "pytest.xml"
    assert b"test_it" in report.content


async def test_variables_that_look_like_secrets_are_withheld(bench: Bench) -> None:
    secret, plain = {"OPENAI_API_KEY": "sk-1", "MY_TOKEN": "t"}, {"COLOUR": "red", "GIT_AUTHOR_NAME": "me"}

    outcome = await bench.run("env", environ={**secret, **plain, "GIT_DIR": "/else"})

    names = {line.partition(b"=")[0].decode() for line in outcome.completed.stdout.splitlines()}
    assert names >= {"COLOUR", "GIT_AUTHOR_NAME", "CI", "PATH", "PWD"}
    assert not names & {*secret, "GIT_DIR"}
    assert outcome.withheld == ("MY_TOKEN", "OPENAI_API_KEY")


@pytest.mark.parametrize(
    "names",
    [
        "OPENAI_BASE_URL ONCEOVER_REDIS_URL AWS_PROFILE GITHUB_TOKEN GH_TOKEN NPM_TOKEN STRIPE_KEY SENTRY_DSN",
        "DB_PASSWORD PGPASSWORD_FILE_PASS app_secret MY_API_KEY MY_APIKEY SSH_AUTH_SOCK SOME_CREDENTIALS KEY SECRETS",
    ],
)
def test_secrets_are_known_by_their_names(names: str) -> None:
    assert withheld_names(dict.fromkeys(names.split(), "x")) == tuple(sorted(names.split()))


def test_common_variables_are_no_secrets() -> None:
    names = "PATH HOME LANG PWD OLDPWD KEYBOARD TOKENIZERS_PARALLELISM AUTHOR PYTHONPATH MONKEY PASSENGER DATABASE_URL"

    assert withheld_names(dict.fromkeys(names.split(), "x")) == ()


@pytest.mark.parametrize(
    "value",
    [
        "postgres://shop:hunter2@db/shop",
        "https://ghp_0123@github.com/acme/shop.git",
        "redis://:hunter2@cache:6379/0",
        "host=db password=hunter2",
        "Server=db;User=shop;PWD=hunter2;",
        "shop:hunter2@tcp(db:3306)/shop",
        "-----BEGIN RSA PRIVATE KEY-----\nMII",
    ],
)
def test_values_that_hold_credentials_are_withheld_whatever_their_name(value: str) -> None:
    environ = {"SHOP_PLACE": value, "COLOUR": "red"}

    assert withheld_names(environ) == ("SHOP_PLACE",)
    assert value not in trial_environment(environ, Path("/place/tree")).values()


@pytest.mark.parametrize(
    "value",
    [
        "postgres://db/shop",
        "https://github.com/@types/node",
        "https://shop.example/?to=ann@shop.example",
        "ann@shop.example",
        "/usr/bin:/opt/a@2/bin",
        "unix:path=/run/user/0/bus",
    ],
)
def test_plain_values_are_kept(value: str) -> None:
    assert withheld_names({"SHOP_PLACE": value}) == ()


def test_the_users_own_pytest_options_are_kept() -> None:
    environment = trial_environment({"PYTEST_ADDOPTS": "-x"}, Path("/a place/tree"))

    assert environment["PYTEST_ADDOPTS"] == "-x --junitxml='/a place/pytest.xml'"
