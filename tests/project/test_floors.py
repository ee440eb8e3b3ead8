"""The import floors hold, and would notice each way to break them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import ROOT

VIOLATIONS = {
    "The house": {"pipeline/services/probe.py": "if TYPE_CHECKING:\n    import bot.settings\n"},
    "The ground floor": {"pipeline/review/probe.py": "def f():\n    from pipeline.services import process\n"},
    "Stages meet": {"pipeline/stages/probe.py": "", "pipeline/stages/probe_two.py": "import pipeline.stages.probe\n"},
    "Review is pure": {"pipeline/review/probe_two.py": "def f():\n    import socket\n"},
    "The engine knows": {"pipeline/engine/probe.py": "import litestar\n"},
    "Heavy clients": {"bot/probe.py": "import openai\n"},
    "The door": {"webhooks/probe.py": "from pipeline.services import process\n"},
}
"""By the beginning of the contract's name: the files that break it."""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the house to break."""
    for room in ("bot", "webhooks", "pipeline"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(house: Path) -> str:
    program = Path(sys.executable).with_name("lint-imports")
    linted = subprocess.run(
        [program, "--no-cache"],
        cwd=house,
        env=os.environ | {"PYTHONPATH": str(house), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return linted.stdout


def test_the_floors_hold(house: Path) -> None:
    assert " 0 broken" in lint_imports(house)


def test_every_way_to_break_a_floor_is_noticed_also_inside_functions_and_for_types_alone(house: Path) -> None:
    for files in VIOLATIONS.values():
        for path, text in files.items():
            (house / path).write_text(text)

    lines = lint_imports(house).splitlines()

    broken = [line for line in lines if line.endswith(" BROKEN")]
    assert sorted(broken) == sorted(line for line in broken if line.startswith(tuple(VIOLATIONS)))
    assert len(broken) == len(VIOLATIONS)
    assert not [line for line in lines if line.endswith(" KEPT")]
