"""Python names: what a module offers by name, and how that differs between two versions of it.

Promises to tell public functions, methods, classes and upper-case constants apart by what a caller relies on: name,
parameters, defaults, value. Private names (`_x`) and what is defined inside functions are nobody's business.
Does not follow imports, `__all__`, or names that are made while the program runs.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from pipeline.review.python_source import Documented, parse_python, scopes

WORTH_CHARACTERS_MAX: Final = 60
"""Longer defaults and values are compared, but not quoted."""

PAIRS_MAX: Final = 40_000
"""Pairs of old and new names that are looked at for renames; beyond, what is gone counts as removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a function."""

    name: str
    default: str | None
    """As written; None if it is required."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """Something public that has a name."""

    name: str
    scope: str
    """Dotted name of the class around it; empty at the top."""
    kind: str
    """function, class or constant."""
    line: int
    parameters: tuple[Parameter, ...] = ()
    value: str = ""
    """Of constants, as written."""
    body: str = ""
    """What stands in it, without its own name: equal for a function that was only renamed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """A definition that goes by another name now."""

    before: Definition
    after: Definition


@dataclass(frozen=True, slots=True, kw_only=True)
class Altered:
    """A definition that callers have to look at again."""

    after: Definition
    difference: str
    """As a clause: `` `rate` is gone ``."""
    old_word: str
    """What a description of the old meaning would contain: the parameter, or the old default."""
    subject: str = ""
    """The parameter whose default it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed between two versions of a module."""

    removed: tuple[Definition, ...] = ()
    renamed: tuple[Renamed, ...] = ()
    altered: tuple[Altered, ...] = ()
    added: tuple[Definition, ...] = ()


def definitions(content: bytes) -> dict[str, Definition] | None:
    """List what a module defines in public, by dotted name; None if it cannot be parsed."""
    module = parse_python(content)
    if module is None:
        return None
    lines = content.decode("utf-8", "replace").split("\n")
    found: dict[str, Definition] = {}
    for dotted, scope in scopes(module):
        if any(part.startswith("_") for part in dotted.split(".")):
            continue
        if not isinstance(scope, ast.Module):
            found[dotted] = _definition(dotted, scope, lines)
        if isinstance(scope, ast.Module | ast.ClassDef):
            found |= {f"{dotted}.{one.name}".lstrip("."): one for one in _constants(dotted, scope.body)}
    return found


def compare(before: Mapping[str, Definition], after: Mapping[str, Definition]) -> Difference:
    """Tell what the second version of a module takes away from users of the first."""
    lost = before.keys() - after.keys()
    gone = {dotted: one for dotted, one in before.items() if dotted in lost and one.scope not in lost}
    added = {dotted: one for dotted, one in after.items() if dotted not in before}
    renamed = tuple(_renames(gone, added))
    old_names = {(pair.before.scope, pair.before.name) for pair in renamed}
    return Difference(
        removed=tuple(one for one in gone.values() if (one.scope, one.name) not in old_names),
        renamed=renamed,
        altered=tuple(
            altered for dotted in before if dotted in after for altered in _alterations(before[dotted], after[dotted])
        ),
        added=tuple(added.values()),
    )


def _definition(dotted: str, node: Documented, lines: list[str]) -> Definition:
    scope, _, name = dotted.rpartition(".")
    assert not isinstance(node, ast.Module)  # noqa: S101 - the caller has asked.
    is_class = isinstance(node, ast.ClassDef)
    body = lines[node.body[0].lineno - 1 : node.end_lineno]
    return Definition(
        name=name,
        scope=scope,
        kind="class" if is_class else "function",
        line=node.lineno,
        parameters=() if isinstance(node, ast.ClassDef) else _parameters(node.args, is_method=bool(scope)),
        body="\n".join(line.strip() for line in body if line.strip()),
    )


def _parameters(arguments: ast.arguments, *, is_method: bool) -> tuple[Parameter, ...]:
    positional = [*arguments.posonlyargs, *arguments.args]
    nameless = {id(one) for one in arguments.posonlyargs}
    missing: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    pairs = [*zip(positional, [*missing, *arguments.defaults], strict=True)]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    named = [
        Parameter(name=one.arg, default=_written(default))
        for one, default in pairs
        if not (one.arg.startswith("_") or id(one) in nameless)  # Callers cannot or should not name them.
    ]
    starts_with_self = is_method and bool(named) and named[0].name in {"self", "cls"}
    return tuple(named[1:] if starts_with_self else named)


def _written(node: ast.expr | None) -> str | None:
    """Write an expression out on one line; None stays None."""
    if node is None:
        return None
    try:
        return ast.unparse(node)
    except RecursionError:
        return "…"


def _constants(scope: str, statements: Iterable[ast.stmt]) -> Iterator[Definition]:
    for statement in statements:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if name.isupper() and not name.startswith("_"):
                written = _written(value) or ""
                yield Definition(
                    name=name, scope=scope, kind="constant", line=statement.lineno, value=written, body=written
                )
            case _:
                pass


def _renames(gone: Mapping[str, Definition], added: Mapping[str, Definition]) -> Iterator[Renamed]:
    """Pair what went with what came: the same body, or the only two of their kind that begin alike in parameters."""
    if len(gone) * len(added) > PAIRS_MAX:
        return
    free = dict(added)
    for one in gone.values():
        candidates = {
            dotted: other for dotted, other in free.items() if (other.scope, other.kind) == (one.scope, one.kind)
        }
        alike = [dotted for dotted, other in candidates.items() if other.body == one.body]
        rivals = [other for other in gone.values() if (other.scope, other.kind) == (one.scope, one.kind)]
        if not alike and len(candidates) == len(rivals) == 1 and one.kind == "function":
            alike = [dotted for dotted, other in candidates.items() if _goes_on(_names(one), _names(other))]
        if alike:
            yield Renamed(before=one, after=free.pop(alike[0]))


def _goes_on(before: tuple[str, ...], after: tuple[str, ...]) -> bool:
    """Whether a function took the parameters of another over, and perhaps some more."""
    return bool(before) and after[: len(before)] == before


def _names(one: Definition) -> tuple[str, ...]:
    return tuple(parameter.name for parameter in one.parameters)


def _alterations(before: Definition, after: Definition) -> Iterator[Altered]:
    """Tell each difference that makes a description of the old version wrong."""
    if before.kind != after.kind:
        yield Altered(after=after, difference=f"it is a {after.kind} now", old_word="")
    elif before.kind == "constant":
        yield from _other_worth(after, "its value", before.value, after.value)
    old = {parameter.name: parameter for parameter in before.parameters}
    new = {parameter.name: parameter for parameter in after.parameters}
    for name in (name for name in old if name not in new):
        yield Altered(after=after, difference=f"its parameter `{name}` is gone", old_word=name)
    for name, parameter in new.items():
        if name not in old and parameter.default is None:
            yield Altered(after=after, difference=f"it needs a parameter `{name}` now", old_word=f"{after.name}(")
    for name in (name for name in old if name in new):
        yield from _other_default(after, old[name], new[name])


def _other_default(after: Definition, old: Parameter, new: Parameter) -> Iterator[Altered]:
    if old.default is not None and new.default is None:
        told = f"its parameter `{old.name}` is required now"
        yield Altered(after=after, difference=told, old_word="optional", subject=old.name)
    elif old.default is not None and new.default is not None:
        others = _other_worth(after, f"the default of `{old.name}`", old.default, new.default)
        yield from (replace(one, subject=old.name) for one in others)


def _other_worth(after: Definition, what: str, old: str, new: str) -> Iterator[Altered]:
    if old != new and len(old) <= WORTH_CHARACTERS_MAX and len(new) <= WORTH_CHARACTERS_MAX:
        yield Altered(after=after, difference=f"{what} is `{new}` now, no longer `{old}`", old_word=old.strip("'\""))
