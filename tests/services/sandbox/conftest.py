"""Fixtures for tests of the sandbox."""

from pathlib import Path

import pytest

from tests.services.sandbox.chamber import Chamber, why_no_namespaces


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Skip, loudly, where the kernel denies what every sandbox is made of."""
    if why := why_no_namespaces():
        pytest.skip(why)


@pytest.fixture
def chamber(tmp_path: Path, namespaces: None) -> Chamber:  # noqa: ARG001  It skips.
    """A sandbox with an empty checkout, closed to other users as `mkdtemp` makes it."""
    checkout = tmp_path / "checkout"
    checkout.mkdir(mode=0o700)
    return Chamber(checkout)
