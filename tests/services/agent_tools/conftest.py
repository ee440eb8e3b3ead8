"""What the tests of the tools share."""

from pathlib import Path

import pytest

from tests.services.agent_tools.desk import DeskMaker


@pytest.fixture
def make_desk(tmp_path: Path) -> DeskMaker:
    return DeskMaker(path=tmp_path / "shop.git")
