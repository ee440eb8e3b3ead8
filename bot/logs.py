"""Logs: events on stderr, for a person or for a machine.

Promises that nothing of it stands on stdout, which belongs to results; that no control character of a stranger's text
and no secret of well-known form reaches it; and that an error's trace shows lines of code but no values: what a frame
holds may be a key or a whole environment. The engine logs by the standard library; both roads end in one format.
Does not promise to know a secret that looks like any other word: that is up to whoever writes the message.
"""

import logging
import sys
from typing import Final, Literal

import structlog

from pipeline.review.redact import redact
from pipeline.review.visible import visible

LEVEL: Final = logging.ERROR
"""What a local command tells unasked: bugs. Its news has its own way (`progress`); what ends it is its last word."""

SERVICE_LEVEL: Final = logging.INFO
"""What a process tells that runs unwatched: every event."""


QUIET: Final = ("arq", "uvicorn", "httpx", "httpx2", "httpcore", "githubkit")
"""Libraries that tell every call or job at INFO, which our own events say in our own terms."""


def set_up_logs(log_format: Literal["console", "json"], *, is_service: bool = False) -> None:
    """Send all events to stderr.

    Args:
        log_format: `console` for a person, `json` for one object a line.
        is_service: Whether the process runs unwatched and tells every event.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,  # As Python prints it. The renderers' own ones show locals, or nothing.
        _defuse,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(SERVICE_LEVEL if is_service else LEVEL)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _defuse(
    _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Show what is hidden, then take secrets out: of whatever is told, in any form that has text in it."""
    return {name: _harmless(value) for name, value in event.items()}


def _harmless(value: object) -> object:
    match value:
        case str():
            return redact(visible(value)).text
        case dict():
            return {_harmless(name): _harmless(one) for name, one in value.items()}
        case list() | tuple():
            return [_harmless(one) for one in value]
        case _:
            return value
