"""What a server's last words mean."""

from pathlib import Path

import pytest

from bot.redis_log import LOG_BYTES_MAX, AofCorrupt, AofUnreadable, DiskFull, RedisDidNotStart, StartedLog, judge_end
from bot.redis_server import ServerProgram
from pipeline.engine.errors import AskPerson

PLENTY = 10_000_000_000
PROGRAM = ServerProgram(path=Path("/usr/bin/redis-server"), version=(7, 0, 15))


def make_log(home: Path) -> StartedLog:
    return StartedLog(home=home, program=PROGRAM, offset=0)


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("1:M 23 Nov 2026 15:50:31.789 # Can't open or create append-only dir x: No space left on device", DiskFull),
        ("1:M 23 Nov 2026 15:50:31.789 # Bad file format reading the append only file x: make a backup", AofCorrupt),
        ("1:M 23 Nov 2026 15:50:31.789 # Can't handle RDB format version 80", AofUnreadable),
        ("1:M 23 Nov 2026 15:50:31.789 # Failed opening Unix socket: bind: Operation not supported", RedisDidNotStart),
        ("", RedisDidNotStart),
    ],
)
def test_each_kind_of_end_has_its_own_error(tmp_path: Path, said: str, meaning: type[AskPerson]) -> None:
    error = judge_end(make_log(tmp_path), 1, said, free_bytes=PLENTY)

    assert type(error) is meaning
    assert error.next_step


def test_a_disk_too_full_to_say_so_is_still_blamed(tmp_path: Path) -> None:
    assert isinstance(judge_end(make_log(tmp_path), 1, "", free_bytes=4_096), DiskFull)


def test_only_the_last_words_are_quoted_and_none_that_move_a_cursor(tmp_path: Path) -> None:
    said = "\n".join(f"1:M 23 Nov 2026 15:50:31.789 # line {number}\x1b[2J" for number in range(9))

    error = judge_end(make_log(tmp_path), -11, said, free_bytes=PLENTY)

    assert "killed by signal 11. Its log ends: line 6 [2J | line 7 [2J | line 8 [2J" in error.message


def test_only_what_was_said_since_this_start_counts(tmp_path: Path) -> None:
    (tmp_path / "redis.log").write_text("No space left on device, last year\n")

    log = StartedLog.open(tmp_path, PROGRAM)

    with log.open_for_server() as output:
        output.write(b"hello\n")
    assert log.tail() == "hello\n"


def test_a_log_that_grew_too_long_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "redis.log").write_bytes(b"x" * (LOG_BYTES_MAX + 1))

    log = StartedLog.open(tmp_path, PROGRAM)

    assert log.path.stat().st_size == 0
