"""Risks: what to look at twice, told from the names and sizes of the changed files alone.

Promises sentences that are true of the list of files. Does not promise that a file is what its name says.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from pipeline.review.reports import ChangedFile, DocsReport

LINES_LARGE: Final = 400
"""Above this, reviewers find markedly less; the number is the one of SmartBear's study at Cisco (200 to 400)."""

PATHS_NAMED_MAX: Final = 3
"""Paths that a sentence names before it counts the rest."""

_PLACES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile(r"^\.github/(workflows|actions)/|^\.gitlab-ci\.yml$|^\.circleci/|(^|/)Jenkinsfile$"),
        "CI changes: {paths}. Check what runs on a push, and with which secrets.",
    ),
    (
        re.compile(r"^\.github/onceover\.ya?ml$|(^|/)(AGENTS|CLAUDE)\.md$"),
        "What this bot goes by changes: {paths}. This review went by the base's version.",
    ),
    (
        re.compile(r"(^|/)(migrations?|alembic/versions)/|\.sql$"),
        "The database changes: {paths}. Check that old code can run beside it, and how to go back.",
    ),
    (
        re.compile(
            r"(^|[/_.-])(o?auth|authn|authz|authenti\w+|authori[sz]\w+|login|passwords?|permissions?|secrets?|crypto)([/_.-]|$)"
        ),
        "Access control may change: {paths}. Have someone who knows it look.",
    ),
    (
        re.compile(
            r"(^|/)(pyproject\.toml|setup\.(py|cfg)|requirements[^/]*\.(txt|in)|package\.json|go\.mod|Cargo\.toml|"
            r"Gemfile|pom\.xml|build\.gradle(\.kts)?|composer\.json|[^/]*\.lock|package-lock\.json|go\.sum)$"
        ),
        "Dependencies change: {paths}. Check where new ones come from.",
    ),
    (
        re.compile(
            r"(^|/)(openapi|swagger)[^/]*\.(ya?ml|json)$|\.(proto|graphqls?)$|\.d\.ts$|(^|/)__init__\.py$|(^|/)api/"
        ),
        "A public interface may change: {paths}. Check who calls it.",
    ),
)
_TEST: Final = re.compile(r"(^|/)(tests?|specs?|__tests__)/|(^|/)(test_[^/]+|conftest)\.py$|[._](test|spec)\.[a-z]+$")
_CODE: Final = re.compile(r"\.(py|pyi|js|jsx|ts|tsx|go|rs|java|kt|rb|php|c|cc|cpp|h|hpp|cs|swift|scala|sh)$")


def risks_of(
    files: Sequence[ChangedFile], docs: DocsReport | None, *, lines: int | None = None, is_whole: bool = True
) -> tuple[str, ...]:
    """Say what to look at twice, a sentence each; empty when nothing stands out.

    Args:
        files: The changed files that are listed.
        docs: What the documentation says.
        lines: Lines of the whole change; counted from the files if not given.
        is_whole: Whether all files are listed; of a part, nobody can say what is not in it.
    """
    sentences = [
        sentence.format(paths=_named(touched))
        for pattern, sentence in _PLACES
        if (touched := [file.path for file in files if pattern.search(file.path)])
    ]
    if docs and docs.stale:
        sentences.append(f"Names that documentation mentions change: {_named(f.path for f in docs.stale)}.")
    code = [file for file in files if _CODE.search(file.path) and not _TEST.search(file.path)]
    if is_whole and code and not any(_TEST.search(file.path) for file in files):
        sentences.append("Code changes, but no test does.")
    lines = sum(file.added + file.removed for file in files) if lines is None else lines
    if lines > LINES_LARGE:
        sentences.append(f"The change is large ({lines:,} lines); reviewers miss more in one of this size.")
    return tuple(sentences)


def _named(paths: Iterable[str]) -> str:
    once = list(dict.fromkeys(paths))
    named = ", ".join(f"`{path}`" for path in once[:PATHS_NAMED_MAX])
    return named if len(once) <= PATHS_NAMED_MAX else f"{named} and {len(once) - PATHS_NAMED_MAX:,} more"
