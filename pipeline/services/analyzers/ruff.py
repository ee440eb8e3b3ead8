"""Ruff: what is probably wrong in Python, without a word on style.

Told are rules whose hits are mistakes: pyflakes, bugbear, pylint's errors, blocking calls in async functions, and
single rules of other families. Not told: what a formatter or a taste decides, and security, which is bandit's.
Rules: https://docs.astral.sh/ruff/rules/
"""

import re
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, Field, RootModel

from pipeline.services.analyzers.remark import Answer, Level, Remark, Unread, visible
from pipeline.services.analyzers.tool import Tool, is_python

SELECTED: Final = (
    "F", "B", "PLE", "ASYNC", "YTT", "INT",
    "LOG007", "LOG014",
    "PLW0127", "PLW0128", "PLW0129", "PLW0131", "PLW0133", "PLW0177", "PLW0245", "PLW0406", "PLW0711",
    "PLW1501", "PLW1507", "PLW1508", "PLW1509", "PLW2101",
    "RUF006", "RUF008", "RUF009", "RUF016", "RUF018", "RUF024", "RUF026", "RUF030", "RUF032", "RUF033", "RUF034",
    "RUF040", "RUF048", "RUF049", "RUF053",
)  # fmt: skip
"""Families and rules whose hits are worth a reviewer's time. Syntax errors are always told."""

IGNORED: Final = (
    "F403", "F405",  # Star imports hide names from the tool; the tool's doubt is no finding.
    "F541",  # A needless f prefix harms nobody.
    "B007", "B009", "B010", "B013", "B014", "B028", "B033", "B904", "B905", "B911", "B912",  # Style.
    "B008",  # Frameworks ask for calls in defaults (FastAPI, cyclopts, typer).
    "B024", "B027",  # Abstract classes without abstract methods are a design, not a bug.
    "ASYNC109", "ASYNC110", "ASYNC115", "ASYNC116",  # Advice on API design.
    "PLE2502",  # Bidirectional controls: bandit tells them (B613).
)  # fmt: skip
"""Members of a selected family that are not told, with the reason."""

LEVELS: Final[Mapping[str, Level]] = {
    "invalid-syntax": "critical",  # The file cannot even be imported.
    # Sure to raise, or to be silently wrong, whenever the line runs.
    "F50": "high", "F52": "high", "F601": "medium", "F62": "high", "F63": "high", "F7": "high", "F82": "high",
    "F901": "high", "F402": "medium", "F404": "high", "F407": "high", "F811": "medium",
    "F504": "medium", "F522": "medium", "F523": "medium",  # Arguments that are given and not used.
    "F401": "low", "F841": "low", "F842": "low",
    "B002": "high", "B003": "high", "B006": "high", "B012": "high", "B016": "high", "B020": "high", "B023": "high",
    "B029": "high", "B030": "high", "B031": "high", "B035": "high", "B039": "high",
    "B011": "low", "B017": "low", "B018": "medium", "B": "medium",
    "PLE": "high", "PLE1205": "medium", "PLE1206": "medium", "PLE1310": "medium", "PLE251": "medium",
    "PLW": "medium", "PLW0177": "high", "PLW2101": "high", "PLW0133": "high",
    "ASYNC": "medium", "RUF": "medium", "RUF006": "high", "RUF008": "high", "RUF024": "high",
    "LOG": "low", "YTT": "medium", "INT": "medium",
}  # fmt: skip
"""Severity by the longest prefix of the rule that is listed."""

DEFAULT_LEVEL: Final[Level] = "medium"

LINE_NUMBER: Final = re.compile(r" (?:from|on) line \d+(?:: .*)?")
"""What would make another finding of the same remark each time that code above it moves."""

CONFIDENCE: Final = 0.95
"""Its rules read the syntax tree; wrong hits come from names made at run time."""


class _Place(BaseModel):
    row: int = Field(ge=1)
    column: int


class _Diagnostic(BaseModel):
    filename: str
    code: str | None
    message: str
    location: _Place
    end_location: _Place
    url: str | None = None


class _Output(RootModel[list[_Diagnostic]]):
    pass


def read(output: bytes) -> Answer:
    """Read ruff's JSON."""
    diagnostics = _Output.model_validate_json(output).root
    told = [diagnostic for diagnostic in diagnostics if diagnostic.code != "E902"]
    return Answer(
        remarks=tuple(_remark(diagnostic) for diagnostic in told),
        unread=tuple(
            Unread(what=diagnostic.filename, why=visible(diagnostic.message), gap=True)
            for diagnostic in diagnostics
            if diagnostic.code == "E902"
        ),
    )


RUFF: Final = Tool(
    name="ruff",
    wants=is_python,
    arguments=(
        "check",
        "--isolated",
        "--no-cache",
        "--no-respect-gitignore",
        "--quiet",
        "--output-format=json",
        # The newest grammar known: whether an older Python takes the code is for the project's own tests to say.
        "--target-version=py314",
        f"--select={','.join((*SELECTED, 'E902'))}",
        f"--ignore={','.join(IGNORED)}",
        "--",
    ),
    exit_codes=frozenset({0, 1}),
    read=read,
    files_per_call_max=500,
)


def _remark(diagnostic: _Diagnostic) -> Remark:
    rule = diagnostic.code or "invalid-syntax"
    is_syntax = rule == "invalid-syntax"
    message = visible(diagnostic.message)
    end = diagnostic.end_location.row - (diagnostic.end_location.column <= 1)  # Column 1 is before the line's text.
    return Remark(
        path=diagnostic.filename,
        line=diagnostic.location.row,
        line_end=max(diagnostic.location.row, end),
        level=_level(rule),
        category="bug",
        tool="ruff",
        rule=rule,
        title=("Syntax error: " if is_syntax else "") + LINE_NUMBER.sub("", message),
        message=f"{message}. {diagnostic.url or ''}".strip()
        if not is_syntax
        else f"Python cannot parse this: {message}.",
        confidence=CONFIDENCE,
    )


def _level(rule: str) -> Level:
    known = (prefix for prefix in sorted(LEVELS, key=len, reverse=True) if rule.startswith(prefix))
    return LEVELS.get(next(known, ""), DEFAULT_LEVEL)
