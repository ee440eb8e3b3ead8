"""Trust: one secret for all processes, made once if nobody set it."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from pydantic import SecretStr

from bot.app.trust import FILE, with_secret_key
from bot.settings import read_settings
from bot.settings_tree import Settings

TOGETHER = 16


def settings(place: Path, **more: str) -> Settings:
    return read_settings({"HOME": str(place), "ONCEOVER_STATE_DIR": str(place / "state"), **more}, None)


def key_of(read: Settings) -> str:
    assert read.trust.secret_key
    return read.trust.secret_key.get_secret_value()


def test_a_key_that_was_set_is_taken_and_no_file_is_made(tmp_path: Path) -> None:
    read = with_secret_key(settings(tmp_path, ONCEOVER_SECRET_KEY="s" * 43))

    assert read.trust.secret_key == SecretStr("s" * 43)
    assert not (tmp_path / "state" / FILE).exists()


def test_a_made_key_is_kept_for_its_owner_alone_and_stays_the_same(tmp_path: Path) -> None:
    first, second = (key_of(with_secret_key(settings(tmp_path))) for _ in range(2))

    file = tmp_path / "state" / FILE
    assert first == second == file.read_text()
    assert len(first) >= 43
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)


def test_processes_that_start_together_trust_each_other_even_with_one_process_id(tmp_path: Path) -> None:
    """Threads stand for them: in two containers that share the directory, both may be process 1."""
    start = Barrier(TOGETHER)

    def begin(_: int) -> str:
        start.wait(timeout=30)
        return key_of(with_secret_key(settings(tmp_path)))

    with ThreadPoolExecutor(TOGETHER) as pool:
        keys = set(pool.map(begin, range(TOGETHER)))

    assert len(keys) == 1
    assert [one.name for one in (tmp_path / "state").iterdir()] == [FILE]


def test_the_key_stands_in_no_repr(tmp_path: Path) -> None:
    read = with_secret_key(settings(tmp_path))

    assert key_of(read) not in repr(read)
