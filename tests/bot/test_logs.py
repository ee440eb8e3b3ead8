"""Logs tell what failed and where, and never what was held in memory or in the environment there."""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

import pytest
import structlog

from bot.logs import QUIET, set_up_logs

LogFormat: TypeAlias = Literal["console", "json"]

CANARY = "canary-7f3a91"


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Leave the process's logs as they were."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in QUIET}
    yield
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def by_structlog() -> None:
    structlog.get_logger("room").error("stage.failed", run="r_1", exc_info=True)


def by_structlog_exception() -> None:
    structlog.get_logger("room").exception("stage.failed", run="r_1")


def by_the_standard_library() -> None:
    logging.getLogger("room").error("stage.failed %s", "r_1", exc_info=sys.exc_info())


def fail(environment: dict[str, str]) -> None:
    raise ValueError(f"the disk \x07is full, and {len(environment)} of them")


def fail_and_log(log: Callable[[], None]) -> None:
    """Fail with a secret in both frames, and log it."""
    environment = {"OPENAI_API_KEY": CANARY}
    try:
        fail(environment)
    except ValueError:
        log()


@pytest.mark.parametrize("log", [by_structlog, by_structlog_exception, by_the_standard_library])
@pytest.mark.parametrize("log_format", ["console", "json"])
def test_an_error_is_told_with_its_trace_and_without_what_its_frames_hold(
    log: Callable[[], None],
    log_format: LogFormat,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    set_up_logs(log_format)

    fail_and_log(log)

    told = capsys.readouterr().err
    assert CANARY not in told
    assert "in fail_and_log" in told
    assert "ValueError: the disk <U+0007>is full" in told


@pytest.mark.parametrize("log", [by_structlog, by_structlog_exception, by_the_standard_library])
def test_json_keeps_one_object_a_line_with_the_trace_as_a_text(
    log: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("json")

    fail_and_log(log)

    (line,) = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert event["event"].startswith("stage.failed")
    assert event["level"] == "error"
    assert event["exception"].startswith("Traceback (most recent call last):\n")
    assert "exc_info" not in event


SECRET = "gh" + "s_" + "aB3dE6gH9jK2" * 3


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_case_109_a_secret_of_known_form_stands_in_no_line(
    capsys: pytest.CaptureFixture[str], log_format: LogFormat
) -> None:
    """Wherever it stands: in the words, in a field, deep in one, and in an error that somebody else wrote."""
    set_up_logs(log_format, is_service=True)
    log, words = structlog.get_logger("room"), f"fetched {SECRET}"

    log.info(words, told=f"x-access-token:{SECRET}@host", deep={"lines": [f"a {SECRET}"]})
    logging.getLogger("room").warning("git said %s", SECRET)
    try:
        raise ValueError(f"no access with {SECRET}")  # noqa: TRY301 - as others write their errors.
    except ValueError:
        log.exception("fetch.failed")

    printed = capsys.readouterr().err
    assert SECRET[:12] not in printed
    assert printed.count("<secret:github-token:medium>") == 5


def test_nothing_of_a_log_stands_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("console")

    logging.getLogger("engine").error("run.stuck")

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "run.stuck" in captured.err


def test_a_service_tells_its_own_events_and_not_each_job_of_a_library(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("json", is_service=True)

    logging.getLogger("pipeline.engine.worker").info("run.taken run=r_1")
    for name in ("arq.worker", "uvicorn.error", "httpx", "httpx2", "httpcore.connection"):
        logging.getLogger(name).info("0.01s job")
        logging.getLogger(name).warning("wrong %s", name)

    told = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert told[0] == "run.taken run=r_1"
    assert [line.split()[0] for line in told[1:]] == ["wrong"] * 5
