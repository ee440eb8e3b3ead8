"""Dependencies: what is declared is there, imports, and is what the locks pin."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires, version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.project import ROOT

LOCKS = {"dev": {"dev", "local", "embedded", "analyzers"}, "local": {"embedded", "analyzers"}, "bench": {"bench"}}
"""Each lock, with the extras that it is made for."""

IMPORT_ALL = """
import importlib, sys, traceback
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except BaseException:
        print(name, traceback.format_exc(limit=-3))
"""


def declared(*extras: str) -> list[Requirement]:
    """What the installed distribution asks for, with these extras."""
    found = [Requirement(line) for line in requires("onceover") or ()]
    return [one for one in found if one.name != "onceover" and _is_wanted(one, extras)]


def _is_wanted(requirement: Requirement, extras: tuple[str, ...]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))


def modules_of(requirement: Requirement) -> Iterator[str]:
    name = canonicalize_name(requirement.name)
    for module, distributions in packages_distributions().items():
        if name in map(canonicalize_name, distributions) and re.fullmatch(r"[a-z]\w*", module):
            yield module


def locked(lock: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    return dict(re.findall(r"^([\w.-]+)==([^ ]+)", text, re.MULTILINE))


def test_every_declared_dependency_imports_without_a_warning() -> None:
    """A plain install of the newest githubkit and hishel, for one, does not import."""
    modules = {one.name: set(modules_of(one)) for one in declared("embedded")}

    imported = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_ALL, *sorted(set().union(*modules.values()))],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert [name for name, found in modules.items() if not found] == []
    assert (imported.stdout, imported.stderr, imported.returncode) == ("", "", 0)


@pytest.mark.parametrize(
    ("name", "major_minor_min", "major_minor_max"),
    [
        ("hishel", (1, 3), (1, 99)),  # githubkit 0.16.1 needs CachePolicy, which 2.0 dropped.
        ("arq", (0, 28), (0, 28)),  # Unbounded, a resolver walks back to 0.25 to get a newer redis.
    ],
)
def test_the_resolver_chose_versions_that_work_together(
    name: str, major_minor_min: tuple[int, int], major_minor_max: tuple[int, int]
) -> None:
    for found in (version(name), *(locked(lock)[name] for lock in LOCKS)):
        major, minor, *_ = map(int, found.split("."))

        assert major_minor_min <= (major, minor) <= major_minor_max


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_satisfies_what_is_declared(lock: str) -> None:
    """Else `make lock` was forgotten."""
    pins = locked(lock)

    unmet = [
        str(one) for one in declared(*LOCKS[lock]) if pins.get(canonicalize_name(one.name), "0") not in one.specifier
    ]

    assert unmet == []


def test_the_locks_agree_with_each_other() -> None:
    dev = locked("dev")

    for lock in LOCKS:
        assert {name: pin for name, pin in locked(lock).items() if dev.get(name, pin) != pin} == {}


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_in_a_lock_is_pinned_by_hash(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()

    requirements = re.split(r"^(?=\w)", re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)[1:]

    assert len(requirements) > 50
    assert [one.split()[0] for one in requirements if "--hash=sha256:" not in one] == []
