"""Bandit: what is insecure in Python.

Left out are its hints that a module was imported or a program started at all: each is right and none is a finding.
Rules: https://bandit.readthedocs.io/en/latest/plugins/
"""

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, Field

from pipeline.services.analyzers.remark import Answer, Level, Remark, Unread, visible
from pipeline.services.analyzers.tool import Tool, is_python

SKIPPED: Final = (
    "B101",  # assert: tests are made of it.
    "B311",  # random: nearly never used for secrets.
    "B401", "B402", "B403", "B404", "B405", "B406", "B407", "B408", "B409", "B411", "B412", "B413", "B415",  # Imports.
    "B603", "B606", "B607",  # A program was started without a shell, or found on PATH.
)  # fmt: skip
"""Tests that do not run, with the reason."""

LEVELS: Final[Mapping[str, Level]] = {
    "B102": "high", "B307": "high",  # exec, eval
    "B301": "high", "B302": "high", "B506": "high", "B614": "high",  # Unpickling and its like run code.
    "B602": "high", "B604": "high", "B605": "high", "B609": "high", "B601": "high",  # Shells.
    "B608": "high", "B610": "high", "B611": "high",  # SQL from strings.
    "B501": "high", "B323": "high", "B507": "high", "B502": "high", "B503": "medium", "B504": "medium",  # TLS, SSH
    "B201": "critical",  # Flask's debugger is a shell for whoever reaches the port.
    "B202": "high", "B306": "medium", "B108": "low", "B103": "medium", "B104": "medium",  # Files, sockets
    "B105": "medium", "B106": "medium", "B107": "medium",  # Passwords in the code
    "B110": "low", "B112": "low", "B113": "medium", "B324": "medium",
    "B613": "critical",  # Trojan source: the reader sees other code than Python runs.
    "B701": "high", "B702": "medium", "B703": "medium", "B704": "medium",  # Unescaped HTML
}  # fmt: skip
"""Severity of a test; one that is not listed has bandit's own."""

TITLES: Final[Mapping[str, str]] = {
    "B105": "A password or token stands in the code",
    "B106": "A password or token stands in the code, as an argument",
    "B107": "A password or token stands in the code, as a default",
    "B110": "An exception is caught and dropped without a trace",
    "B112": "An exception is caught and the loop goes on without a trace",
    "B301": "Unpickling data from elsewhere can run any code",
    "B307": "`eval` runs whatever text it is given",
    "B602": "A shell command is built from a string (`shell=True`)",
    "B605": "A shell command is built from a string",
    "B608": "SQL is built by putting strings together: injection is possible",
    "B613": "Hidden direction marks make the code read otherwise than it runs",
}
"""Titles for tests whose own words are long or vague; the others speak for themselves."""

CONFIDENCES: Final[Mapping[str, float]] = {"HIGH": 0.9, "MEDIUM": 0.7, "LOW": 0.5}

OWN_LEVELS: Final[Mapping[str, Level]] = {"HIGH": "high", "MEDIUM": "medium", "LOW": "low"}


class _Issue(BaseModel):
    filename: str
    issue_confidence: str
    issue_severity: str
    issue_text: str
    line_number: int = Field(ge=1)
    line_range: list[int]
    more_info: str = ""
    test_id: str


class _Error(BaseModel):
    filename: str
    reason: str


class _Output(BaseModel):
    results: list[_Issue]
    errors: list[_Error]


def read(output: bytes) -> Answer:
    """Read bandit's JSON."""
    report = _Output.model_validate_json(output)
    return Answer(
        remarks=tuple(_remark(issue) for issue in report.results),
        unread=tuple(Unread(what=error.filename, why=visible(error.reason), gap=True) for error in report.errors),
    )


BANDIT: Final = Tool(
    name="bandit",
    wants=lambda path, content: is_python(path, content) and not path.endswith(".pyi"),
    # Without -r and with files alone it looks for no `.bandit`; without -c for no pyproject.toml.
    arguments=("--quiet", "--format=json", "--exit-zero", f"--skip={','.join(SKIPPED)}", "--"),
    exit_codes=frozenset({0}),
    read=read,
    files_per_call_max=50,
)


def _remark(issue: _Issue) -> Remark:
    message = visible(issue.issue_text)
    return Remark(
        path=issue.filename,
        line=issue.line_number,
        line_end=max([issue.line_number, *issue.line_range]),
        level=LEVELS.get(issue.test_id) or OWN_LEVELS.get(issue.issue_severity, "low"),
        category="security",
        tool="bandit",
        rule=issue.test_id,
        title=TITLES.get(issue.test_id) or message.rstrip("."),
        message=f"{message} {issue.more_info}".strip(),
        confidence=CONFIDENCES.get(issue.issue_confidence, 0.5),
    )
