"""Job log: what the end of a CI job's log tells of its failure.

Promises text that is safe to keep and to show: no timestamps, colours or hidden characters, secrets of well-known form
replaced, cut to whole lines. A log of GitHub Actions goes on after the failed step, with the clean-up of all others;
the excerpt therefore ends with the last line that is marked as an error. The log was written by the branch's own code:
it is a claim, and shown as one.
"""

import re
from dataclasses import dataclass
from typing import Final

from pipeline.review.redact import redact
from pipeline.review.reports import FailedTest
from pipeline.review.visible import visible

EXCERPT_CHARACTERS_MAX: Final = 4_000
"""About fifty lines, enough for a runner's own summary."""

FAILED_MAX: Final = 20
"""Failed tests that one log is asked for."""

NAME_CHARACTERS_MAX: Final = 300
MESSAGE_CHARACTERS_MAX: Final = 300

LINE_CHARACTERS_MAX: Final = 2_000
"""Of one line; a longer one is the dump of something."""

_STAMP: Final = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z ?", re.MULTILINE)
"""Written by GitHub Actions before each line."""

_ERROR: Final = "##[error]"
_COMMAND: Final = re.compile(r"^##\[(?:error|warning|notice|group|command|section|debug)\]", re.MULTILINE)
_END_OF_GROUP: Final = re.compile(r"^##\[endgroup\]\n?", re.MULTILINE)

_FAILED_TEST: Final = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^(?:FAILED|ERROR) (?P<name>(?P<path>[^\s:]{1,300}\.py)(?:::\S{1,300})?)(?: - (?P<message>.{1,300}))?",
        r"^(?:FAIL|ERROR): (?P<name>\w{1,200} \([\w.]{1,300}\))",  # unittest
        r"^\s{0,40}--- FAIL: (?P<name>\S{1,300}) \(",  # Go
        r"^test (?P<name>[\w:]{1,300}) \.\.\. FAILED$",  # Rust
        r"^\s{0,8}● (?P<name>.{1,200} › .{1,200})$",  # noqa: RUF001 - Jest writes this mark.
        r"^\s{0,8}FAIL {1,4}(?P<name>(?P<path>[^\s>]{1,300}) > .{1,300})$",  # Vitest
        r"^\[ERROR\] {1,8}(?P<name>[A-Z][\w$]{0,200}\.\w{1,200})(?::\d{1,6})? (?P<message>.{1,300})",  # Surefire
        r"^\s{0,8}Failed (?P<name>[\w.+]{1,300})(?:\(.{0,200}\))? \[",  # .NET
        r"^rspec \./(?P<path>\S{1,300}):(?P<line>\d{1,6}) # (?P<name>.{1,300})$",  # RSpec
    )
)
"""How runners name a failed test on a line of its own, mostly in a summary at the end; the first is pytest's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLog:
    """What a log tells."""

    excerpt: str = ""
    failed: tuple[FailedTest, ...] = ()
    """The failed tests that it names, each once."""
    text: str = ""
    """All that was read up to the last error, for whoever looks for traces in it."""


def read_log(tail: bytes, *, is_cut: bool) -> JobLog:
    """Read the end of a log.

    Args:
        tail: Its last bytes.
        is_cut: Something stood before it, so the first line is a part of one, and may be a part of a secret.
    """
    text = _STAMP.sub("", tail.decode("utf-8", "replace"))
    if is_cut:
        text = text.partition("\n")[2]
    shown = redact(visible(text)).text
    lines = [line[:LINE_CHARACTERS_MAX].rstrip() for line in _up_to_the_error(shown).split("\n")]
    whole = _COMMAND.sub("", _END_OF_GROUP.sub("", "\n".join(lines))).strip("\n")
    return JobLog(excerpt=ending(whole), failed=failed_tests(whole), text=whole)


def failed_tests(text: str) -> tuple[FailedTest, ...]:
    """List the tests that a runner's output names as failed, each once."""
    found: dict[str, FailedTest] = {}
    for pattern in _FAILED_TEST:
        for match in pattern.finditer(text):
            test = _failed_test(match.groupdict())
            found.setdefault(test.name, test)
            if len(found) >= FAILED_MAX:
                return tuple(found.values())
    return tuple(found.values())


def ending(text: str, characters_max: int = EXCERPT_CHARACTERS_MAX) -> str:
    """Cut a text at its front, to whole lines where its last line allows."""
    if len(text) <= characters_max:
        return text
    end = text[-(characters_max - 1) :]
    return "…" + (end.partition("\n")[2] or end)


def _failed_test(groups: dict[str, str | None]) -> FailedTest:
    line = groups.get("line")
    return FailedTest(
        name=(groups["name"] or "").strip()[:NAME_CHARACTERS_MAX],
        message=(groups.get("message") or "").strip()[:MESSAGE_CHARACTERS_MAX],
        path=groups.get("path"),
        line=int(line) if line else None,
    )


def _up_to_the_error(text: str) -> str:
    at = text.rfind(_ERROR)
    if at < 0:
        return text
    end = text.find("\n", at)
    return text if end < 0 else text[:end]
