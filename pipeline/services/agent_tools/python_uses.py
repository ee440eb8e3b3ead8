"""Python uses: where a module defines a name and where it uses it, by its syntax tree.

Promises None for what this Python cannot parse, and never to run or import anything. Strings and comments are no uses.
Does not resolve names: two classes with a method `total` give two definitions, and any `x.total` is a use.
"""

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One place where the name stands."""

    line: int
    line_end: int
    """The last line of a definition."""
    kind: str
    """What it is there, in a word or two."""
    scope: str
    """Dotted name of the function or class around it; empty at the top."""
    is_definition: bool = False


def python_uses(content: bytes, name: str) -> tuple[Use, ...] | None:
    """Find the definitions and the uses of a name, in the order of lines; None if the module cannot be parsed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Invalid escapes: the author's business.
        try:
            module = ast.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
    return tuple(sorted(_uses(module, name), key=lambda use: (use.line, use.line_end, use.kind)))


_Scoped: TypeAlias = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _uses(module: ast.Module, name: str) -> Iterator[Use]:
    """Walk the tree without recursion, since a stranger decides how deep it is."""
    waiting: list[tuple[ast.AST, str, bool]] = [(module, "", False)]
    while waiting:
        node, scope, is_called = waiting.pop()
        yield from _of(node, name, scope, is_called=is_called)
        inner = f"{scope}.{node.name}".lstrip(".") if isinstance(node, _Scoped) else scope
        called = node.func if isinstance(node, ast.Call) else None
        waiting.extend((child, inner, child is called) for child in ast.iter_child_nodes(node))


def _of(node: ast.AST, name: str, scope: str, *, is_called: bool) -> Iterator[Use]:
    """Tell what one node says of the name."""
    match node:
        case ast.ClassDef(name=found) | ast.FunctionDef(name=found) | ast.AsyncFunctionDef(name=found) if found == name:
            kind = "class" if isinstance(node, ast.ClassDef) else "function"
            yield _use(node, kind, scope, line_end=node.end_lineno, is_definition=True)
        case ast.Name(id=found, ctx=ast.Store()) if found == name:
            yield _use(node, "assignment", scope, is_definition=True)
        case ast.Name(id=found) if found == name:
            yield _use(node, "call" if is_called else "name", scope)
        case ast.Attribute(attr=found, ctx=ast.Store()) if found == name:
            yield _use(node, "attribute set", scope, is_definition=True, at_end=True)
        case ast.Attribute(attr=found) if found == name:
            yield _use(node, "method call" if is_called else "attribute", scope, at_end=True)
        case ast.alias(name=found, asname=other) if name in {found.rpartition(".")[2], other}:
            yield _use(node, "import", scope)
        case ast.arg(arg=found) if found == name:
            yield _use(node, "parameter", scope)
        case ast.keyword(arg=found) if found == name:
            yield _use(node, "keyword argument", scope)
        case _:
            pass


def _use(
    node: ast.stmt | ast.expr | ast.alias | ast.arg | ast.keyword,
    kind: str,
    scope: str,
    *,
    line_end: int | None = None,
    is_definition: bool = False,
    at_end: bool = False,
) -> Use:
    """Note a use; an attribute stands where its expression ends, which may be lines below its beginning."""
    line = (node.end_lineno or node.lineno) if at_end else node.lineno
    return Use(line=line, line_end=line_end or line, kind=kind, scope=scope, is_definition=is_definition)
