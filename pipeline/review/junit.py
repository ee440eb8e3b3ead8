"""JUnit: what a test runner wrote down about its cases, read as a claim.

Promises to read any bytes within fixed bounds: no DTD, no entity, no external file, flat memory; and that every text
it hands on is printable. Does not promise that the claim is true: the code under test can write this file itself.

Roots `<testsuites>` and `<testsuite>`, nested as one likes, with or without namespaces; a case fails by `<failure>` or
`<error>` below it. What surefire writes of its re-runs is understood: `<flakyFailure>` and `<flakyError>` stand in a
case that passed in the end, `<rerunFailure>` and `<rerunError>` beside the failure of one that did not.
The format has no specification that all follow; the fields are those that pytest, surefire, gradle and jest write.
"""

import re
from dataclasses import dataclass
from typing import Final, TypeAlias
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from pipeline.review.reports import FailedTest
from pipeline.review.visible import visible

JUNIT_BYTES_MAX: Final = 16_000_000
"""Largest file that is parsed; a suite of 20,000 cases with their output is about a quarter of it."""

CASES_MAX: Final = 100_000
"""Cases that are counted; beyond it the file is a flood, not a report."""

FAILED_MAX: Final = 50
"""Failed tests that are told by name; the rest is only counted."""

DEPTH_MAX: Final = 100
"""Elements within each other; suites of suites of a report are some levels deep."""

NAME_CHARACTERS_MAX: Final = 300
MESSAGE_CHARACTERS_MAX: Final = 600
MESSAGE_LINES_MAX: Final = 6

_COLLECTED_CHARACTERS_MAX: Final = 20_000
"""Text of one failure that is kept while it is read; the place of the failure is usually near its end."""

_PLACE: Final = re.compile(r"^(?P<path>[\w./@+-]{1,300}\.\w{1,8}):(?P<line>\d{1,7}): ", re.MULTILINE)
"""`path:line: ` at the start of a line, as pytest and most compilers end a trace."""

_FORBIDDEN_BYTES: Final = bytes.maketrans(
    bytes(code for code in range(32) if code not in b"\t\n\r"), b"?" * (32 - len(b"\t\n\r"))
)
"""Control characters that XML 1.0 forbids but runners copy from a terminal; one of them must not cost the report."""

_ALLOWED_CODES: Final = ((9, 10, 13), range(0x20, 0xD800), range(0xE000, 0xFFFE), range(0x10000, 0x110000))
"""Characters of an XML 1.0 document (section 2.2)."""

_CHARACTER_REFERENCE: Final = re.compile(rb"&#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,10}));")
_DECLARED_ENCODING: Final = re.compile(rb"""^\s*<\?xml[^>]{0,200}encoding\s*=\s*["']([\w.-]{1,40})["']""")
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The cases of one or more reports, counted."""

    ran: int = 0
    """Cases that were executed: skipped ones are not among them."""
    failed: int = 0
    skipped: int = 0
    flaky: int = 0
    """Passed, but only when run again; among those that ran."""
    failures: tuple[FailedTest, ...] = ()
    """The first `FAILED_MAX` of the failed ones."""
    flaky_tests: tuple[FailedTest, ...] = ()
    """The first `FAILED_MAX` of the flaky ones, with what they said when they failed."""
    is_cut: bool = False
    """There were more than `CASES_MAX` cases; the numbers are too low."""

    def __add__(self, other: "Tally") -> "Tally":
        """Add up two reports of the same trial."""
        return Tally(
            ran=self.ran + other.ran,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
            flaky=self.flaky + other.flaky,
            failures=(self.failures + other.failures)[:FAILED_MAX],
            flaky_tests=(self.flaky_tests + other.flaky_tests)[:FAILED_MAX],
            is_cut=self.is_cut or other.is_cut,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A report that could not be read."""

    why: str
    """A clause that can follow the file's name and a colon."""


def parse_junit(content: bytes) -> Tally | Unreadable:
    """Count the cases of one JUnit XML file and name the failed ones."""
    if len(content) > JUNIT_BYTES_MAX:
        return Unreadable(why=f"{len(content):,} bytes, more than the {JUNIT_BYTES_MAX:,} that are read")
    if not content.strip():
        return Unreadable(why="the file is empty")
    cases = _Cases()
    well_formed, encoding = _well_formed(content)
    try:
        parser = XMLParser(target=cases, encoding=encoding, forbid_dtd=True)
        parser.feed(well_formed)
        parser.close()
    except _Enough:
        pass  # What was counted up to here stands, marked as cut.
    except DefusedXmlException as error:
        return Unreadable(why=f"it declares a DTD or an entity, which is refused ({type(error).__name__})")
    except (ParseError, ValueError, LookupError) as error:
        return Unreadable(why=f"it is no well-formed XML ({visible(str(error))[:100]})")
    return Unreadable(why=cases.problem) if cases.problem else cases.tally()


class _Enough(Exception):
    """A limit is reached: on cases, or on depth."""


_FAILURE: Final = frozenset({"failure", "error"})
_FLAKY: Final = frozenset({"flakyFailure", "flakyError"})

_Attributes: TypeAlias = dict[str, str]


class _Cases:
    """Target of the parser: sees elements begin and end and keeps only counts and the failures' first words."""

    def __init__(self) -> None:
        self.problem = ""
        """Why this is no report, as a clause."""
        self._has_root = False
        self._case: _Attributes | None = None
        self._verdict = ""
        self._attribute_message = ""
        self._text: list[str] | None = None
        self._text_left = 0
        self._depth = 0
        self._counts = {"passed": 0, "failed": 0, "skipped": 0, "flaky": 0}
        self._told: dict[str, list[FailedTest]] = {"failed": [], "flaky": []}
        self._is_cut = False

    def start(self, tag: str, attributes: _Attributes) -> None:
        """An element begins."""
        name = _local(tag)
        self._depth += 1
        if self._depth > DEPTH_MAX:
            self.problem = f"its elements are nested more than {DEPTH_MAX} deep"
            raise _Enough
        if not self._has_root:
            self._has_root = True
            if name not in {"testsuites", "testsuite"}:
                self.problem = f"its root is <{visible(name)[:40]}>, not <testsuites> or <testsuite>"
        if name == "testcase":
            self._begin_case(attributes)
        elif self._case is not None and name in _FAILURE:
            self._begin_failure(attributes, "failed")
        elif self._case is not None and name in _FLAKY:
            self._begin_failure(attributes, "flaky")
        elif self._case is not None and name == "skipped" and not self._verdict:
            self._verdict = "skipped"

    def data(self, text: str) -> None:
        """Text of the element that is open."""
        if self._text is not None and self._text_left > 0:
            self._text.append(text[: self._text_left])
            self._text_left -= len(text)

    def end(self, tag: str) -> None:
        """An element ends."""
        name = _local(tag)
        self._depth -= 1
        if name == "testcase" and self._case is not None:
            self._end_case(self._case)
        elif name in _FAILURE | _FLAKY:
            self._text_left = 0

    def close(self) -> None:
        """Satisfy the parser; the result is asked for by `tally`."""

    def tally(self) -> Tally:
        """Sum up what was seen."""
        return Tally(
            ran=self._counts["passed"] + self._counts["failed"] + self._counts["flaky"],
            failed=self._counts["failed"],
            skipped=self._counts["skipped"],
            flaky=self._counts["flaky"],
            failures=tuple(self._told["failed"]),
            flaky_tests=tuple(self._told["flaky"]),
            is_cut=self._is_cut,
        )

    def _begin_case(self, attributes: _Attributes) -> None:
        if sum(self._counts.values()) >= CASES_MAX:
            self._is_cut = True
            raise _Enough
        self._case, self._verdict, self._text, self._attribute_message = attributes, "", None, ""

    def _begin_failure(self, attributes: _Attributes, verdict: str) -> None:
        if self._verdict in {"failed", verdict}:
            return  # A failing body and a failing tear-down: the first one is told.
        self._verdict = verdict
        self._attribute_message = attributes.get("message", "")
        self._text, self._text_left = [], _COLLECTED_CHARACTERS_MAX

    def _end_case(self, case: _Attributes) -> None:
        self._counts[self._verdict or "passed"] += 1
        told = self._told.get(self._verdict)
        if told is not None and len(told) < FAILED_MAX:
            told.append(_failed_test(case, self._attribute_message, "".join(self._text or [])))
        self._case, self._text = None, None


def _failed_test(case: _Attributes, message: str, text: str) -> FailedTest:
    """Describe a failed case by its best-known name, first words and place."""
    path, line = _place(case, text)
    return FailedTest(name=_name(case), message=_first_lines(message) or _first_lines(text), path=path, line=line)


def _name(case: _Attributes) -> str:
    parts = [part for part in (case.get("classname", ""), case.get("name", "")) if part.strip()]
    return visible("::".join(parts), lines=False)[:NAME_CHARACTERS_MAX] or "(a test without a name)"


def _first_lines(text: str) -> str:
    lines = [line.rstrip() for line in text[:_COLLECTED_CHARACTERS_MAX].splitlines() if line.strip()]
    return visible("\n".join(lines[:MESSAGE_LINES_MAX]))[:MESSAGE_CHARACTERS_MAX]


def _place(case: _Attributes, text: str) -> tuple[str | None, int | None]:
    """Find where it failed: the attributes of older formats, else the last `path:line: ` of the trace."""
    path, line = case.get("file", ""), case.get("line", "")
    if not path and (places := list(_PLACE.finditer(text))):
        path, line = places[-1]["path"], places[-1]["line"]
    if not _is_inside(path):
        return None, None
    return path, int(line) if re.fullmatch(r"[1-9]\d{0,6}", line, re.ASCII) else None


def _is_inside(path: str) -> bool:
    """Whether this may name a file of the tree: short, printable, relative, never upwards."""
    return (
        0 < len(path) <= NAME_CHARACTERS_MAX
        and visible(path, lines=False) == path
        and not path.startswith(("/", "~"))
        and "\\" not in path
        and ".." not in path.split("/")
    )


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _well_formed(content: bytes) -> tuple[bytes, str | None]:
    """Repair what runners are known to get wrong: control characters, and bytes that are not UTF-8.

    Returns:
        The repaired bytes and the encoding to force, None to let the declaration speak.
    """
    if content.startswith(_UTF16_MARKS):
        content = content.decode("utf-16", "replace").encode("utf-8", "replace")
    elif _declares_utf8(content):
        content = content.decode("utf-8-sig", "replace").encode()
    else:
        return _CHARACTER_REFERENCE.sub(_allowed_reference, content.translate(_FORBIDDEN_BYTES)), None
    return _CHARACTER_REFERENCE.sub(_allowed_reference, content.translate(_FORBIDDEN_BYTES)), "utf-8"


def _declares_utf8(content: bytes) -> bool:
    declared = _DECLARED_ENCODING.match(content[:300].removeprefix(b"\xef\xbb\xbf"))
    return declared is None or declared[1].lower() in {b"utf-8", b"utf8", b"us-ascii", b"ascii"}


def _allowed_reference(reference: re.Match[bytes]) -> bytes:
    """Keep a reference to a character that XML allows, replace any other by `?`."""
    code = int(reference[1], 16) if reference[1] else int(reference[2])
    return reference[0] if any(code in allowed for allowed in _ALLOWED_CODES) else b"?"
