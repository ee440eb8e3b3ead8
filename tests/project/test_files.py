"""The files of the project speak of the project alone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project import ROOT

HIDDEN_ROOMS = {".ci", ".github"}
REGISTRY = re.compile(
    r"(?<!--no-emit-)(index-url|find-links)|//[^\s/]*(pypi|pythonhosted|registry)|/simple\b", re.IGNORECASE
)
INSTALLED_FROM = [
    "pyproject.toml",
    "Makefile",
    ".ci/run",
    "requirements/dev.txt",
    "requirements/local.txt",
    "requirements/bench.txt",
]


def project_files(directory: Path = ROOT) -> Iterator[Path]:
    """Every file but those of tools, which stand in hidden directories."""
    for path in sorted(directory.iterdir()):
        if path.is_dir() and (not path.name.startswith(".") or path.name in HIDDEN_ROOMS):
            yield from project_files(path)
        elif path.is_file() and path.suffix != ".pyc":
            yield path


def test_no_file_names_the_place_where_the_project_stands() -> None:
    here = str(ROOT).encode()

    assert [path for path in project_files() if here in path.read_bytes()] == []


@pytest.mark.parametrize("name", INSTALLED_FROM)
def test_no_package_registry_is_named(name: str) -> None:
    """Whoever installs chooses it; the hashes say whether the packages are the right ones."""
    lines = (ROOT / name).read_text().splitlines()

    assert [line for line in lines if REGISTRY.search(line)] == []
