"""Typos: words that are surely misspelt, in any text.

Its list holds known misspellings only, so that names and foreign words pass. File names are not checked: the files
have names of ours. Each word is told once per line.
Reference: https://github.com/crate-ci/typos/blob/master/docs/reference.md
"""

from typing import Final

from pydantic import BaseModel, Field

from pipeline.services.analyzers.remark import Answer, Remark, visible
from pipeline.services.analyzers.tool import Tool, suffix_of

NOT_PROSE: Final = frozenset(
    {".po", ".pot", ".csv", ".tsv", ".svg", ".lock", ".map", ".pem", ".crt", ".patch", ".diff", ".ipynb"}
)
"""Translations, tables, keys and generated text, where other languages and chance make words."""

CONFIDENCE: Final = 0.8

SHORT_CHARACTERS_MAX: Final = 100
"""Longer "words" are chance."""


class _Line(BaseModel):
    type: str


class _Typo(BaseModel):
    path: str
    line_num: int = Field(ge=1)
    typo: str
    corrections: list[str]


def read(output: bytes) -> Answer:
    """Read typos' JSON lines; types of line other than `typo` say nothing about the text."""
    lines = [line for line in output.split(b"\n") if line.strip()]
    typos = (_Typo.model_validate_json(line) for line in lines if _Line.model_validate_json(line).type == "typo")
    once = {(typo.path, typo.line_num, typo.typo): typo for typo in typos if len(typo.typo) <= SHORT_CHARACTERS_MAX}
    return Answer(remarks=tuple(_remark(typo) for typo in once.values()))


TYPOS: Final = Tool(
    name="typos",
    wants=lambda path, _content: suffix_of(path) not in NOT_PROSE,
    arguments=(
        "--isolated",
        "--no-ignore",
        "--hidden",
        "--no-check-filenames",
        "--format=json",
        "--color=never",
        "--threads=1",
        "--",
    ),
    exit_codes=frozenset({0, 2}),
    read=read,
    files_per_call_max=500,
)


def _remark(typo: _Typo) -> Remark:
    word = visible(typo.typo)
    right = " or ".join(f"`{visible(correction)}`" for correction in typo.corrections) or "another word"
    return Remark(
        path=typo.path,
        line=typo.line_num,
        line_end=typo.line_num,
        level="info",
        category="spelling",
        tool="typos",
        rule="spelling",
        title=f"`{word}` is misspelt: {right}",
        message=f"`{word}` should be {right}.",
        confidence=CONFIDENCE,
    )
