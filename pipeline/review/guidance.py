"""Guidance: what the maintainers of a repository ask of a review, from their configuration and their instructions.

Promises that of the files for agents the nearest to a changed file is taken beside the one at the top, that each text
is bounded, without secrets of known form and without hidden characters, and that a report can tell which files were
used. Whoever calls brings texts of the base alone: no pull request guides its own review. What they say bears on what
matters in this repository and on nothing else; the prompt tells the model so. Does not promise that it obeys.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from pipeline.review.redact import redact
from pipeline.review.visible import visible

FOR_AGENTS: Final = ("AGENTS.md", "CLAUDE.md")
"""Wherever they stand; of the two in one directory the first holds (https://agents.md)."""

FOR_PEOPLE: Final = (
    *("CONTRIBUTING.md", ".github/CONTRIBUTING.md", "docs/CONTRIBUTING.md", "CONTRIBUTING.rst", "CONTRIBUTING"),
)
"""At the top; the first that is there, as GitHub looks for them."""

AGENTS_CHARACTERS_MAX: Final = 3_000
"""Of one file for agents: some 750 tokens, in every question."""

PEOPLE_CHARACTERS_MAX: Final = 1_500
"""Of one for people: how to set up a machine tells a reviewer nothing."""

FILES_CHARACTERS_MAX: Final = 8_000
"""Of all files that guide one question; the guidelines of the configuration have a limit of their own."""

DIRECTORIES_MAX: Final = 400
"""In which nested files are looked for; what is changed elsewhere goes by the files at the top."""

CUT: Final = "[...]"

_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_EMPTY_LINES: Final = re.compile(r"\n(?:[ \t]*\n){2,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What guides the review of some files."""

    guidelines: str = ""
    """Of the configuration."""
    language: str = ""
    """In which the model writes; empty: as it likes."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Of the base's files, by path."""

    @property
    def words(self) -> tuple[str, ...]:
        """List all that a model is told by them: what a reading depends on."""
        return (self.guidelines, self.language, *(part for pair in self.texts.items() for part in pair))

    @property
    def text(self) -> str:
        """Write them for the model; empty if there are none."""
        told = [
            *([self.guidelines] if self.guidelines else []),
            *(f"{path}:\n{text}" for path, text in self.texts.items()),
        ]
        return "\n\n".join(told)


NO_RULES: Final = Rules()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """All that guides the reviews of one run."""

    guidelines: str = ""
    language: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Of the base's files, by path, ready to be shown."""

    def rules_of(self, paths: Iterable[str]) -> Rules:
        """Say what guides the review of these files together: the nearest texts first, as far as they fit."""
        chosen: dict[str, None] = {}
        for path in paths:
            chosen |= dict.fromkeys(self._nearest(path))
        texts: dict[str, str] = {}
        left = FILES_CHARACTERS_MAX
        for source in sorted(chosen, key=_depth):
            if len(self.texts[source]) <= left:
                texts[source] = self.texts[source]
                left -= len(texts[source])
        return Rules(guidelines=self.guidelines, language=self.language, texts=texts)

    def _nearest(self, path: str) -> Iterator[str]:
        """Name the nearest file for agents, the one at the top, and the one for people."""
        found = [place for place in _for_agents(path) if place in self.texts]
        yield from found[:1]
        yield from (place for place in FOR_AGENTS if place in found[1:])
        yield from [place for place in FOR_PEOPLE if place in self.texts][:1]


def places_of(paths: Iterable[str]) -> tuple[str, ...]:
    """Name the files of the base that may guide a review of these files."""
    nested = dict.fromkeys(place for path in paths for place in _for_agents(path))
    return tuple(dict.fromkeys((*FOR_AGENTS, *FOR_PEOPLE, *list(nested)[: DIRECTORIES_MAX * len(FOR_AGENTS)])))


def guidance_of(contents: Mapping[str, bytes], *, guidelines: str = "", language: str = "") -> Guidance:
    """Make texts of the base ready to be shown; of two files for agents in one directory, the first alone.

    Args:
        contents: Files of the base, by path.
        guidelines: Of the configuration.
        language: Of the configuration.
    """
    texts = {path: text for path, content in contents.items() if (text := _shown(path, content))}
    second = {path for path in texts if path.endswith(FOR_AGENTS[1]) and _beside(path) in texts}
    return Guidance(
        guidelines=_clean(guidelines),
        language=visible(language, lines=False),
        texts={visible(path, lines=False): text for path, text in texts.items() if path not in second},
    )


def _for_agents(path: str) -> Iterator[str]:
    """List where files for agents may stand that bear on a file, the nearest first."""
    directory = path
    while directory:
        directory = directory.rpartition("/")[0]
        yield from (f"{directory}/{name}" if directory else name for name in FOR_AGENTS)


def _beside(path: str) -> str:
    return f"{path.removesuffix(FOR_AGENTS[1])}{FOR_AGENTS[0]}"


def _depth(path: str) -> tuple[bool, int, str]:
    """Order: for agents before for people, deep before high."""
    return path in FOR_PEOPLE, -path.count("/"), path


def _shown(path: str, content: bytes) -> str:
    characters_max = PEOPLE_CHARACTERS_MAX if path in FOR_PEOPLE else AGENTS_CHARACTERS_MAX
    text = _clean(content.decode("utf-8", "replace"))
    return text if len(text) <= characters_max else f"{text[:characters_max].rstrip()}\n{CUT}"


def _clean(text: str) -> str:
    """Take out what nobody was meant to read and what nobody may; what is hidden is shown."""
    bare = _COMMENT.sub("", redact(visible(text)).text)
    return _EMPTY_LINES.sub("\n\n", bare).strip()
