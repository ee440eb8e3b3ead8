"""What a local review compares is named safely, whatever a commit is called."""

from pathlib import Path

import pytest

from bot.local_review import TITLE_CHARACTERS_MAX, ReviewOptions, find_target
from tests.builders.repository import RepositoryBuilder

TOKEN = "gh" + "p_" + "aB3dE6gH9jK2" * 3


@pytest.mark.parametrize("before", range(TITLE_CHARACTERS_MAX - len(TOKEN), TITLE_CHARACTERS_MAX, 9))
async def test_case_79_a_secret_on_the_seam_of_a_cut_title_is_not_shown_in_part(tmp_path: Path, before: int) -> None:
    repository = RepositoryBuilder(path=tmp_path / "shop")
    repository.commit({"a.py": "x = 1\n"}, "x" * before + " " + TOKEN)

    target = await find_target(ReviewOptions(repository=repository.path))

    assert TOKEN[:6] not in target.title
    assert len(target.title) <= TITLE_CHARACTERS_MAX
