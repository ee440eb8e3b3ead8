"""Skip: which changed files are not worth reading, and why.

Promises one clause of reason for each such file, always the same for the same diff, configuration and base.
Does not promise that a skipped file is harmless: a name alone makes a file `vendored`, and the author chose the
name. That is why each is told. What a file says of *itself* counts only if the base's version said so already.
Does not look at how much there is in all: `pipeline.review.importance` chooses when not everything can be read.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from pipeline.review.diff import SUBMODULE, SYMLINK, FileDiff, FileStatus
from pipeline.review.patterns import PATTERNS_MAX, Patterns, is_pattern, read_patterns
from pipeline.review.visible import visible

MARKER_CHARACTERS_MAX: Final = 2_000
"""How far into a file a marker is looked for; generators write it into the first lines."""

GENERATED: Final = (
    *("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb", "deno.lock"),
    *("poetry.lock", "uv.lock", "pdm.lock", "Pipfile.lock", "Cargo.lock", "go.sum", "Gemfile.lock", "composer.lock"),
    *("mix.lock", "pubspec.lock", "Podfile.lock", "packages.lock.json", "gradle.lockfile", "flake.lock"),
    *(".terraform.lock.hcl", "*.min.js", "*.min.css", "*.js.map", "*.css.map", "*.pb.go", "*.pb.cc", "*.pb.h"),
    *("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*.g.dart", "*.freezed.dart", "*.Designer.cs", "zz_generated.*"),
    *("__snapshots__/", "*.snap"),
)
"""Names that only programs give, as patterns."""

VENDORED: Final = (
    *("vendor/", "third_party/", "third-party/", "node_modules/", "bower_components/", "site-packages/"),
    *(".yarn/releases/", ".yarn/plugins/", "Pods/", "Carthage/Checkouts/"),
)
"""Directories that hold other people's code, as patterns."""

DRAWN: Final = ("*.svg", "*.svgz")
"""Pictures that are text: coordinates say nothing to a reader of code, and words in them speak to a model unseen."""

_MARKER: Final = re.compile(r"@generated\b|\bcode generated\b.{0,200}\bdo not edit\b|<auto-?generated", re.IGNORECASE)
"""What generators write: Go (golang.org/s/generatedcode), Meta's tools, .NET."""

_MEDIA: Final = (
    *(".bin", ".bz2", ".eot", ".gif", ".gz", ".ico", ".jar", ".jpeg", ".jpg", ".mov", ".mp3", ".mp4", ".otf"),
    *(".pdf", ".png", ".so", ".ttf", ".wasm", ".webp", ".whl", ".woff", ".woff2", ".xz", ".zip", ".zst"),
)
"""Nobody expects lines in these, however large they are."""

_ATTRIBUTE: Final = re.compile(r"(?<!\S)linguist-(?:generated|vendored)(?:=true)?(?!\S)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipLimits:
    """How large a file may be to be read."""

    file_bytes_max: int = 1_000_000
    """On either side; people do not write larger files."""
    line_bytes_max: int = 10_000
    """An added line that is longer was written by a program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseKnowledge:
    """What the base's version says, which the author of the change did not write."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Beginnings of files, by their path in the base."""
    attributes: str = ""
    """`.gitattributes` at the base's root."""


@dataclass(frozen=True, slots=True)
class Skip:
    """A file is not read."""

    why: str
    """A clause that can follow the file's name."""
    gap: bool = False
    """A reader would have wanted it read, so the review is partial; false: it is left out on purpose."""


class SkipRules:
    """The rules, ready to be asked about each file.

    Args:
        ignore: Patterns of the configuration, as in `.gitignore`.
        limits: How large a file may be.
        base: What the base says of its files.

    Raises:
        BadPattern: A pattern in `ignore` is malformed.
    """

    def __init__(
        self, ignore: Iterable[str] = (), *, limits: SkipLimits | None = None, base: BaseKnowledge | None = None
    ) -> None:
        limits, base = limits or SkipLimits(), base or BaseKnowledge()
        ignored, base_generated = read_patterns(ignore), read_patterns(_generated_by(base.attributes))
        self._rules: tuple[Callable[[FileDiff], Skip | None], ...] = (  # Those first that tell a reader most.
            _nothing_to_read,
            lambda file: _by_pattern(file, ignored, "ignored by the configuration (`{}`)"),
            lambda file: _by_pattern(file, _compiled(VENDORED), "other people's code, by its directory (`{}`)"),
            lambda file: _by_pattern(file, _compiled(GENERATED), "generated, by its name (`{}`)"),
            lambda file: _by_pattern(file, _compiled(DRAWN), "a picture, by its name (`{}`)"),
            lambda file: _by_pattern(file, base_generated, "generated, by the base's .gitattributes (`{}`)"),
            lambda file: _by_marker(file, base.headers),
            lambda file: _too_large(file, limits),
            _no_lines,
            lambda file: _minified(file, limits),
        )

    def decide(self, file: FileDiff) -> Skip | None:
        """Say why a file is not read; None if it is."""
        return next((skip for rule in self._rules if (skip := rule(file))), None)

    def reason(self, file: FileDiff) -> str | None:
        """Say why a file is not read, as a clause; None if it is."""
        skip = self.decide(file)
        return skip.why if skip else None


@cache
def _compiled(patterns: tuple[str, ...]) -> Patterns:
    return Patterns(patterns, read_patterns(patterns).spec)


def _nothing_to_read(file: FileDiff) -> Skip | None:
    if file.status is FileStatus.DELETED:
        return Skip("a submodule: removed" if file.is_submodule else "deleted")
    if file.new_mode == SUBMODULE:  # One that became a file is read.
        return Skip(f"a submodule: it points to {file.new_sha[:12]} now")
    if file.new_mode == SYMLINK:
        return Skip("a symbolic link")
    if file.status is FileStatus.MODE:
        return Skip(f"only its mode changed, from {file.old_mode} to {file.new_mode}")
    if file.old_sha == file.new_sha:
        return Skip(f"{file.status.value} without a change")
    return None


def _by_pattern(file: FileDiff, patterns: Patterns, reason: str) -> Skip | None:
    pattern = patterns.meaning(file.path)
    return None if pattern is None else Skip(reason.format(visible(pattern, lines=False)))


def _by_marker(file: FileDiff, headers: Mapping[str, str]) -> Skip | None:
    marker = _MARKER.search(headers.get(file.old_path or file.path, "")[:MARKER_CHARACTERS_MAX])
    return Skip(f"generated, its base version says (`{visible(marker[0], lines=False)}`)") if marker else None


def _too_large(file: FileDiff, limits: SkipLimits) -> Skip | None:
    size = max(file.old_bytes or 0, file.new_bytes or 0)
    if size <= limits.file_bytes_max:
        return None
    is_media = file.path.lower().endswith(_MEDIA)
    return Skip(f"too large: {size:,} bytes, the limit is {limits.file_bytes_max:,}", gap=not is_media)


def _no_lines(file: FileDiff) -> Skip | None:
    if file.patch is None:
        return Skip("beyond the limit on the bytes of the whole diff", gap=True)
    return Skip("binary") if file.is_binary else None


def _minified(file: FileDiff, limits: SkipLimits) -> Skip | None:
    """Judge by the bytes of the patch, so that no hunk of a huge change has to be read for it."""
    lines = (line for part in file.patch or () for line in part.split(b"\n") if line.startswith(b"+"))
    longest = max(map(len, lines), default=0) - 1
    if longest <= limits.line_bytes_max:
        return None
    return Skip(f"minified: a line of {longest:,} bytes, the limit is {limits.line_bytes_max:,}")


def _generated_by(attributes: str) -> list[str]:
    """Take from `.gitattributes` the patterns that mark generated or vendored files; odd lines are none of ours."""
    lines = (line.split(maxsplit=1) for line in attributes.splitlines() if not line.startswith(("#", '"', "!", "[")))
    marked = (parts[0] for parts in lines if len(parts) > 1 and _ATTRIBUTE.search(parts[1]))
    return [pattern for pattern in marked if is_pattern(pattern)][:PATTERNS_MAX]
