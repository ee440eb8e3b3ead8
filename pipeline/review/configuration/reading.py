"""Reading: from the bytes of the files to the configuration that holds.

Promises a configuration for any bytes, never an error: a file with a problem counts as absent as a whole, and a note
says so (security cases 28, 29, 34). The organisation's file stands below the repository's, key by key; a list is one
value. A key without a value counts as not written. Nothing is fetched, expanded or included.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from pydantic import ValidationError

from pipeline.review.configuration.ceilings import Ceilings, clamp
from pipeline.review.configuration.model import NO_EFFECT_YET, Configuration
from pipeline.review.configuration.problem import Path, Place, Problem, dotted, make_problem
from pipeline.review.configuration.refusal import UNKNOWN, refusal
from pipeline.review.configuration.schema import settings
from pipeline.review.configuration.yaml_tree import BadYaml, Branch, Items, Leaf, Node, read_tree
from pipeline.review.wording import count, listed

PATH_IN_REPOSITORY: Final = ".github/onceover.yml"
"""Where the file stands, in a repository and in the organisation's `.github` repository alike."""

ORGANISATION: Final = "organisation:.github/onceover.yml"
"""How problems name the organisation's file."""

PROBLEMS_MAX: Final = 20
"""Problems of one file that are told; the rest is counted."""

Origin: TypeAlias = Literal["default", "organisation", "repository", "operator"]
Plain: TypeAlias = "dict[str, Plain] | list[Plain] | str | int | float | bool | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadConfiguration:
    """What holds, and what a person should know about it."""

    configuration: Configuration
    problems: tuple[Problem, ...] = ()
    """Those of the repository's file first."""
    notes: tuple[str, ...] = ()
    """Sentences: a file that does not count, a value that was lowered, a setting without effect."""
    origins: Mapping[Path, Origin] = field(default_factory=dict)
    """Where a setting comes from; one that is not named has its default."""


def read_configuration(
    text: bytes | None,
    *,
    source: str = PATH_IN_REPOSITORY,
    organisation: bytes | None = None,
    ceilings: Ceilings | None = None,
) -> ReadConfiguration:
    """Read the configuration of a repository.

    Args:
        text: The file of the base branch's head; None if there is none.
        source: How problems name it.
        organisation: The file of the organisation's `.github` repository, likewise.
        ceilings: The operator's limits.
    """
    own, above = _read_file(text, source), _read_file(organisation, ORGANISATION)
    merged = Configuration.model_validate_json(json.dumps(_merge(above.plain, own.plain)), strict=True)
    written: dict[Path, Origin] = {
        **dict.fromkeys(_paths(above.plain), "organisation"),
        **dict.fromkeys(_paths(own.plain), "repository"),
    }
    clamped, lowered = clamp(merged, ceilings or Ceilings())
    asked_for = (note for path, note in lowered.items() if path in written)
    return ReadConfiguration(
        configuration=clamped,
        problems=(*own.problems, *above.problems),
        notes=(*_replaced(own, above), *asked_for, *_without_effect(clamped, written)),
        origins=written | dict.fromkeys(lowered, "operator"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """What one file says; nothing if it has a problem."""

    plain: dict[str, Plain] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    source: str = ""


def _read_file(content: bytes | None, source: str) -> _File:
    if content is None:
        return _File(source=source)
    try:
        tree = read_tree(content)
    except BadYaml as error:
        return _File(source=source, problems=(make_problem(source, error.place, error.message),))
    plain = {} if tree == Leaf(tree.place, None) else _plain(tree)
    try:
        Configuration.model_validate_json(json.dumps(plain), strict=True)
    except ValidationError as error:
        return _File(source=source, problems=_problems(error, tree, plain, source))
    return _File(source=source, plain=plain if isinstance(plain, dict) else {})


def _plain(node: Node) -> Plain:
    if isinstance(node, Leaf):
        return node.value
    if isinstance(node, Items):
        return [_plain(item) for item in node.items]
    return {name: _plain(key.node) for name, key in node.keys.items() if not _is_empty(key.node)}


def _is_empty(node: Node) -> bool:
    return isinstance(node, Leaf) and node.value is None


def _problems(error: ValidationError, tree: Node, plain: Plain, source: str) -> tuple[Problem, ...]:
    """Word the first problems only: a hostile file has thousands, and nearest names take time."""
    errors = error.errors(include_url=False, include_input=False)
    placed = [(_place_of(tree, one["loc"], at_key=one["type"] == UNKNOWN), one) for one in errors]
    placed.sort(key=lambda pair: (pair[0].line, pair[0].column))
    told = []
    for place, one in placed[:PROBLEMS_MAX]:
        path, own_words = one["loc"], one.get("ctx", {}).get("error", "")
        message = refusal(one["type"], path, _value_at(plain, path), own_words=own_words)
        told.append(make_problem(source, place, message, path))
    more = placed[PROBLEMS_MAX:]
    rest = (make_problem(source, more[0][0], f"From here on {count(len(more), 'more problem')}."),) if more else ()
    return (*told, *rest)


def _place_of(tree: Node, path: Path, *, at_key: bool) -> Place:
    """Find where a setting stands: its value if that is single, else its key."""
    node, place = tree, tree.place
    for part in path:
        if isinstance(node, Branch) and part in node.keys:
            key = node.keys[str(part)]
            node, place = key.node, key.place if at_key or isinstance(key.node, Items | Branch) else key.node.place
        elif isinstance(node, Items) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            place = node.place
    return place


def _value_at(plain: Plain, path: Path) -> Plain:
    for part in path:
        if isinstance(plain, dict):
            plain = plain.get(str(part))
        elif isinstance(plain, list) and isinstance(part, int):
            plain = plain[part]
    return plain


def _merge(below: dict[str, Plain], above: dict[str, Plain]) -> dict[str, Plain]:
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = _merge(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _paths(plain: dict[str, Plain], above: Path = ()) -> Iterator[Path]:
    for name, value in plain.items():
        if isinstance(value, dict):
            yield from _paths(value, (*above, name))
        else:
            yield (*above, name)


def _replaced(own: _File, above: _File) -> Iterator[str]:
    if own.problems:
        instead = "the organisation's settings and the defaults" if above.plain else "the defaults"
        yield f"`{own.source}` has a problem and does not count until it is corrected; {instead} apply instead."
    if above.problems:
        yield f"`{above.source}` has a problem and does not count until it is corrected."


def _without_effect(configuration: Configuration, written: Mapping[Path, Origin]) -> Iterator[str]:
    """Name what a reader of the file would expect to work and does not."""
    test = configuration.test
    if test.source == "sandbox" and not test.command:
        yield "`test.source` is `sandbox` but `test.command` is empty, so no tests are run."
    if test.command and test.source != "sandbox" and ("test", "source") not in written:
        yield f"`test.command` is not run: `test.source` is `{test.source}`. Set it to `sandbox`."
    if configuration.paused_reason and not configuration.paused:
        yield "`paused_reason` is set and `paused` is not: reviews go on."
    idle = [dotted(one.path) for one in settings() if one.path in written and one.meaning.endswith(NO_EFFECT_YET)]
    if idle:
        yield f"This version makes no use yet of {listed(f'`{name}`' for name in idle)}."
