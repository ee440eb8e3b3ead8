"""The commands of the project do what they say, and the second call does nothing twice."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.project import ROOT

CHECKS = ("ruff format --check .", "ruff check .", "mypy", "lint-imports", "deptry .")


def make(*arguments: str, directory: Path = ROOT) -> str:
    """The answer of `make`, standard error included."""
    made = subprocess.run(
        ["make", *arguments],
        cwd=directory,
        env={"PATH": os.environ["PATH"]},  # These tests may themselves run under make, which hands down its flags.
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=30,
    )
    return made.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The files that an environment is made from, and no environment."""
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def stamp_of(project: Path, *arguments: str) -> str:
    """The name of the file that says that the environment is made."""
    *_, stamp = re.findall(r"touch (\S+)", make("--dry-run", *arguments, directory=project))
    return str(stamp)


def test_make_alone_tells_every_target() -> None:
    targets = re.findall(r"^  make (\w+) +\S", make(), re.MULTILINE)

    assert targets == ["help", "demo", "test", "soak", "model", "check", "bench", "lock", "clean"]


def test_make_check_checks_format_lint_types_floors_and_dependencies() -> None:
    script = make("--dry-run", "check")

    assert all(f".venv/bin/{check}\n" in script for check in CHECKS)


def test_continuous_integration_runs_check_and_test_and_nothing_else() -> None:
    script = ROOT / ".ci" / "run"

    assert script.read_text() == "#!/bin/sh\nset -eu\nmake check && make test\n"
    assert script.stat().st_mode & stat.S_IXUSR


def test_a_second_call_starts_at_once(project: Path) -> None:
    stamp = project / stamp_of(project, "test")
    stamp.parent.mkdir()
    stamp.touch()

    assert make("--dry-run", "test", directory=project).strip() == ".venv/bin/python -m pytest -n 4"


@pytest.mark.parametrize("changed", ["requirements/dev.txt", "pyproject.toml"])
def test_an_environment_is_made_anew_when_what_it_is_made_from_changes(project: Path, changed: str) -> None:
    before = stamp_of(project, "test")

    (project / changed).write_text("# Changed.\n")

    assert stamp_of(project, "test") != before


def test_the_benchmarks_have_an_environment_of_their_own(project: Path) -> None:
    assert Path(stamp_of(project, "bench")).parent == Path(".venv-bench")


@pytest.mark.parametrize("uv", ["", "uv"])
def test_both_ways_of_installing_take_the_lock_by_hash(project: Path, uv: str) -> None:
    script = make("--dry-run", f"UV={uv}", "demo", directory=project)

    assert "--require-hashes" in script


def test_an_older_python_is_named_with_what_to_do(project: Path) -> None:
    old = project / "python3.8"
    old.write_text("#!/bin/sh\ncase $1 in --version) echo Python 3.8.1;; *) exit 1;; esac\n")
    old.chmod(0o700)

    said = make(f"PYTHON={old}", "test", directory=project)

    assert f"Onceover needs Python 3.11 or newer; '{old}' is Python 3.8.1." in said
    assert "make PYTHON=python3.12" in said
    assert not (project / ".venv").exists()
