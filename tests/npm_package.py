"""Packages of the npm registry, as data for tests: fetched once by npm itself, kept outside the repository.

Which registry is asked is npm's own business, as it is configured here; the hash says whether the package is the right
one. Without npm or without a network, the test that asks is skipped and says why.
"""

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final

import pytest

FETCH_SECONDS_MAX: Final = 60
CACHE: Final = "onceover-tests"


def npm_package(name: str, version: str, *, sha256: str) -> Path:
    """Answer the path of a package's archive, fetched now or earlier.

    Args:
        name: Of the package, with its scope.
        version: Exactly this one.
        sha256: Of the archive; another archive is not used.

    Raises:
        pytest.skip.Exception: It cannot be fetched here.
    """
    kept = _cache() / f"{sha256}.tgz"
    if not kept.is_file():
        _fetch(f"{name}@{version}", kept)
    found = hashlib.sha256(kept.read_bytes()).hexdigest()
    assert found == sha256, f"{kept} is not {name}@{version}: remove it."
    return kept


def packed_file(archive: Path, path: str) -> bytes:
    """Read one file of an archive, without unpacking it."""
    with tarfile.open(archive) as packed:
        member = packed.extractfile(f"package/{path}")
        assert member is not None, f"{archive} has no file {path}."
        return member.read()


def _cache() -> Path:
    directory = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / CACHE
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _fetch(package: str, kept: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"{package} is needed, and npm, which fetches it, is not installed.")
    with tempfile.TemporaryDirectory(dir=kept.parent) as place:
        command = [npm, "pack", package, "--ignore-scripts", "--silent", "--pack-destination", place]
        try:
            subprocess.run(command, cwd=place, check=True, capture_output=True, timeout=FETCH_SECONDS_MAX)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"{package} is needed and could not be fetched: {error}")
        (archive,) = Path(place).glob("*.tgz")
        archive.replace(kept)  # At once or not at all: another process may fetch the same.
