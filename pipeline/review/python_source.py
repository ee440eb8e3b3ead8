"""Python source: parsed without trust and without noise.

Promises None for anything that this Python cannot parse: other versions, broken files, nesting without end. Does not
promise silence for warnings of other threads while it parses, since the filter is one per process.
"""

import ast
import warnings
from collections.abc import Iterator
from typing import Final, TypeAlias

PYTHON_BYTES_MAX: Final = 500_000
"""Largest file that is parsed: the parser takes about a second and 100 MB for it."""

Documented: TypeAlias = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
"""What can have a docstring."""


def parse_python(content: bytes) -> ast.Module | None:
    """Parse a file, or return None if that cannot be done."""
    if len(content) > PYTHON_BYTES_MAX:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Invalid escapes: the author's business, told by the linters.
        try:
            return ast.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def scopes(module: ast.Module) -> Iterator[tuple[str, Documented]]:
    """List the module and its classes and functions with their dotted names, in the order of the file.

    Functions inside functions are not reached: nobody outside can name them.
    """
    yield "", module
    waiting: list[tuple[str, ast.stmt]] = [("", statement) for statement in reversed(module.body)]
    while waiting:
        prefix, statement = waiting.pop()
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{statement.name}", statement
        if isinstance(statement, ast.ClassDef):
            waiting.extend((f"{prefix}{statement.name}.", inner) for inner in reversed(statement.body))
        elif isinstance(statement, ast.If | ast.Try):
            waiting.extend((prefix, inner) for inner in reversed([*statement.body, *statement.orelse]))
