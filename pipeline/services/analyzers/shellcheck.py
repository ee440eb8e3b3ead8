"""ShellCheck: what goes wrong in shell scripts.

Left out are remarks that need the files around a script, which it does not get, and those on style.
Rules: https://www.shellcheck.net/wiki/
"""

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, Field

from pipeline.services.analyzers.remark import Answer, Level, Remark, Unread, visible
from pipeline.services.analyzers.tool import Tool, interpreter_of, suffix_of

SUFFIXES: Final = frozenset({".sh", ".bash", ".dash", ".ksh", ".bats"})

INTERPRETERS: Final = frozenset({"sh", "bash", "dash", "ksh"})

EXCLUDED: Final = (
    "SC1090", "SC1091",  # A sourced file is not there: no file of the repository is.
    "SC2034", "SC2154",  # A name is set or used elsewhere, perhaps in that sourced file.
    "SC2148",  # No shebang: a file made to be sourced needs none.
)  # fmt: skip
"""Checks that do not run, with the reason."""

UNSUPPORTED: Final = 1071
"""The remark that the script is for a shell that ShellCheck does not know."""

NOTES: Final = frozenset({1009})
"""Remarks that only explain another one."""

LEVELS: Final[Mapping[str, Level]] = {"error": "high", "warning": "medium", "info": "low", "style": "info"}
"""Severity by ShellCheck's own level; its errors do not run or do not what they say."""

RULE_LEVELS: Final[Mapping[int, Level]] = {
    2115: "high",  # `rm -rf "$unset/"` removes everything.
    2114: "high",
}
"""Checks that are worse than their level."""

CONFIDENCE: Final = 0.9


class _Comment(BaseModel):
    file: str
    line: int = Field(ge=1)
    end_line: int = Field(ge=1, alias="endLine")
    level: str
    code: int
    message: str


class _Output(BaseModel):
    comments: list[_Comment]


def read(output: bytes) -> Answer:
    """Read ShellCheck's JSON, version 1."""
    comments = [comment for comment in _Output.model_validate_json(output).comments if comment.code not in NOTES]
    return Answer(
        remarks=tuple(_remark(comment) for comment in comments if comment.code != UNSUPPORTED),
        unread=tuple(
            Unread(what=comment.file, why=visible(comment.message), gap=False)
            for comment in comments
            if comment.code == UNSUPPORTED
        ),
    )


SHELLCHECK: Final = Tool(
    name="shellcheck",
    wants=lambda path, content: (
        suffix_of(path) in SUFFIXES or (not suffix_of(path) and interpreter_of(content) in INTERPRETERS)
    ),
    arguments=("--norc", "--format=json1", "--severity=info", f"--exclude={','.join(EXCLUDED)}", "--"),
    exit_codes=frozenset({0, 1}),
    read=read,
    files_per_call_max=1,  # A few thousand open brackets keep it busy for ever: only that file is to be lost.
)


def _remark(comment: _Comment) -> Remark:
    message = visible(comment.message)
    return Remark(
        path=comment.file,
        line=comment.line,
        line_end=max(comment.line, comment.end_line),
        level=RULE_LEVELS.get(comment.code) or LEVELS.get(comment.level, "low"),
        category="bug",
        tool="shellcheck",
        rule=f"SC{comment.code}",
        title=message.rstrip("."),
        message=f"{message} https://www.shellcheck.net/wiki/SC{comment.code}",
        confidence=CONFIDENCE,
    )
