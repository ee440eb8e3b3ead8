"""Which program becomes our Redis server."""

from pathlib import Path

import pytest

from bot.redis_server import (
    NoRedisServer,
    PassedOver,
    ServerProgram,
    examine,
    find_server,
    judge_version,
    packaged_server,
)


def make_program(directory: Path, name: str, *, says: str = "", does: str = "") -> Path:
    directory.mkdir(exist_ok=True)
    program = directory / name
    program.write_text(f"#!/bin/sh\n{does}\necho '{says}'\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0", (7, 0, 15)),
        ("Valkey server v=9.1.2 sha=00000000:1 malloc=libc bits=64 build=1536df31c0395150", (9, 1, 2)),
        ("Redis server v=6.2.0 sha=00000000:0", (6, 2, 0)),
    ],
)
def test_redis_and_valkey_tell_their_versions(answer: str, version: tuple[int, int, int]) -> None:
    assert judge_version(Path("/bin/server"), answer) == ServerProgram(path=Path("/bin/server"), version=version)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("Redis server v=6.0.16 sha=00000000:0", "is version 6.0.16, older than 6.2"),
        ("Redis server v=255 sha=0", "does not tell a version"),
        ("\x1b[31musage: something else", "does not tell a version"),
        ("", "does not tell a version"),
    ],
)
def test_what_is_too_old_or_no_server_is_passed_over(answer: str, why: str) -> None:
    judged = judge_version(Path("/bin/server"), answer)

    assert isinstance(judged, PassedOver)
    assert why in str(judged)


def test_a_server_on_path_is_taken_before_the_packaged_one(tmp_path: Path) -> None:
    program = make_program(tmp_path / "bin", "redis-server", says="Redis server v=6.2.14 sha=0")

    assert find_server(str(tmp_path / "bin")).path == program


def test_valkey_on_path_is_taken_when_redis_is_too_old(tmp_path: Path) -> None:
    make_program(tmp_path / "bin", "redis-server", says="Redis server v=5.0.7 sha=0")
    valkey = make_program(tmp_path / "bin", "valkey-server", says="Valkey server v=8.1.8 sha=0")

    assert find_server(str(tmp_path / "bin")).path == valkey


def test_the_packaged_server_is_taken_when_path_has_none(tmp_path: Path) -> None:
    assert find_server(str(tmp_path)).path == packaged_server()


def test_without_any_server_the_message_names_the_old_one_and_all_three_ways(tmp_path: Path) -> None:
    make_program(tmp_path / "bin", "redis-server", says="Redis server v=5.0.7 sha=0")

    with pytest.raises(NoRedisServer) as caught:
        find_server(str(tmp_path / "bin"), packaged=lambda: None)

    said = str(caught.value)
    assert "redis-server is version 5.0.7, older than 6.2" in said
    assert all(way in said for way in ("ONCEOVER_REDIS_URL", "on PATH", "onceover[embedded]"))


def test_a_program_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    broken = make_program(tmp_path / "bin", "redis-server")
    broken.write_bytes(b"\x7fELF and no more")

    assert "does not run" in str(examine(broken))


def test_a_program_that_hangs_is_passed_over(tmp_path: Path) -> None:
    hanging = make_program(tmp_path / "bin", "redis-server", does="exec tail -f /dev/null")

    assert "did not tell its version within 0.1 s" in str(examine(hanging, seconds_max=0.1))
