"""Interface names: flags, environment variables and routes, by how code of many languages writes them.

Promises names as people use them (`--dry-run`, `SHOP_TOKEN`, `/api/cart`), each with the default that its line tells.
Python is parsed, so that a default counts which stands some lines below the name; other languages, shell scripts and
settings (Compose, Dockerfile, `.env`) are read line by line. Does not promise to see every name: one that a program
puts together while it runs is nobody's to find.

Forms: argparse, click, typer, pydantic-settings; commander, yargs; Go's flag and pflag; clap; OptionParser; picocli;
Flask, FastAPI, Django, Express, net/http, axum, actix, Spring, Rails.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.review.python_source import parse_python

LINE_CHARACTERS_MAX: Final = 1_000
"""Of a line this much is looked at."""

DEFAULT_CHARACTERS_MAX: Final = 60
"""Longer defaults are not compared: nobody repeats them in a sentence."""

INTERFACE_KINDS: Final = ("flag", "variable", "route")


@dataclass(frozen=True, slots=True)
class Sighting:
    """A name where it stands."""

    kind: str
    """flag, variable or route."""
    line: int
    default: str = ""
    """As written, without quotes; empty if none is told."""


def is_settings(path: str) -> bool:
    """Whether a file sets variables for programs: Compose, Dockerfile, `.env`."""
    return _SETTINGS.search(path) is not None


def python_interfaces(content: bytes) -> dict[str, Sighting] | None:
    """List the names in a Python file; None if it cannot be parsed."""
    module = parse_python(content)
    if module is None:
        return None
    found: dict[str, Sighting] = {}
    for node in ast.walk(module):
        for name, sighting in _in_node(node):
            known = found.get(name)
            if known is None or (sighting.default and not known.default):
                found[name] = sighting
    return found


def line_interfaces(path: str, lines: Iterable[tuple[int, str]]) -> dict[str, Sighting]:
    """List the names in some lines of a file, each with its number."""
    found: dict[str, Sighting] = {}
    forms = _forms_of(path)
    for number, text in lines:
        short = text[:LINE_CHARACTERS_MAX]
        default = _default_in(short)
        for kind, form in forms:
            for match in form.finditer(short):
                name, own = _named(kind, match)
                found.setdefault(name, Sighting(kind, number, own or default))
    return found


_SETTINGS: Final = re.compile(
    r"(^|/)(?![^/]*\.(?:md|rst|adoc|txt)$)"
    r"(?:(?:docker-)?compose[\w.-]*\.ya?ml|dockerfile[\w.-]*|[\w.-]*\.dockerfile|\.env[\w.-]*|[\w-]+\.env)$",
    re.IGNORECASE,
)
_UPPER: Final = r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+"
_LONG: Final = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
_WORTH: Final = r"[^\s,;)'\"`\]}]{1,60}"

_QUOTED_FLAG: Final = re.compile(rf"""["'`](?:-\w["'`]?,\s*["'`]?)?(?P<name>--{_LONG})(?=["'`=\s,\[])""")
_QUOTED_VARIABLE: Final = re.compile(rf"""["'`](?P<name>{_UPPER})["'`]""")
_READ_VARIABLE: Final = re.compile(rf"""\b(?:process\.env|import\.meta\.env|ENV)\.(?P<name>{_UPPER})\b""")
_SHELL_VARIABLE: Final = re.compile(rf"""\$\{{?(?P<name>{_UPPER})\b(?::?[-=](?P<default>[^}}\s]{{1,60}})\}})?""")
_SET_VARIABLE: Final = re.compile(
    rf"""^\s*(?:-\s*|ENV\s+|ARG\s+|export\s+)?(?P<name>{_UPPER})\s*[:=]\s*["']?(?P<default>[^\s"'#]{{0,60}})"""
)
_ROUTE_PATH: Final = r"/[\w./{}:<>*-]{2,100}"
_ROUTE: Final = re.compile(
    r"""(?:\b(?:route|get|post|put|patch|delete|path|handle(?:func)?)|mapping)\s*(?:\(\s*|\s)"""
    r"""(?:(?:value|path)\s*=\s*)?["'`](?:(?:GET|POST|PUT|PATCH|DELETE)\s)?(?P<name>""" + _ROUTE_PATH + r""")["'`]""",
    re.IGNORECASE,
)
_GO_FLAG: Final = re.compile(
    rf"""\.\w*(?:String|Bool|Int|Uint|Float|Duration|Count|Var)\w*\(\s*(?:&?[\w.]+\s*,\s*)?"(?P<name>{_LONG})"\s*,"""
    rf"""\s*(?:"\w?"\s*,\s*)?(?P<default>"[^"]{{0,60}}"|{_WORTH})"""
)
_RUST_FLAG: Final = re.compile(rf"""\blong\s*(?:=\s*|\(\s*)"(?P<name>{_LONG})\"""")
_YARGS_FLAG: Final = re.compile(rf"""\.option\(\s*["'](?P<name>{_LONG})["']""")
_CASE_FLAG: Final = re.compile(rf"""(?:^|\|)\s*(?P<name>--{_LONG})(?:=\*)?\s*(?=\||\))""")

_COMMON_FORMS: Final = (
    ("flag", _QUOTED_FLAG),
    ("variable", _QUOTED_VARIABLE),
    ("route", _ROUTE),
)
_SCRIPT_FORMS: Final = (("flag", _YARGS_FLAG), ("variable", _READ_VARIABLE))
_SHELL_FORMS: Final = (("flag", _CASE_FLAG), ("variable", _SHELL_VARIABLE), ("variable", _SET_VARIABLE))
_OWN_FORMS: Final[Mapping[str, tuple[tuple[str, re.Pattern[str]], ...]]] = {
    **dict.fromkeys(("js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "vue", "svelte"), _SCRIPT_FORMS),
    **dict.fromkeys(("sh", "bash"), _SHELL_FORMS),
    "go": (("flag", _GO_FLAG),),
    "rs": (("flag", _RUST_FLAG),),
}

_DEFAULT: Final = re.compile(
    r"""\bdefault(?:_value|_value_t|Value)?\s*(?:[=:]|\()\s*(?P<a>"[^"]{1,60}"|'[^']{1,60}'|[\w.:/-]{1,60})"""
    r"""|\b(?:get|getenv|env|fetch|getOrDefault)\(\s*["'][A-Z_0-9]+["']\s*,\s*(?P<b>"[^"]{1,60}"|'[^']{1,60}'|[\w.:/-]{1,60})"""
    r"""|(?:\|\||\?\?)\s*(?P<c>"[^"]{1,60}"|'[^']{1,60}'|`[^`]{1,60}`|[\w.:/-]{1,60})"""
    r"""|unwrap_or(?:_else)?\((?:\|\|\s*)?(?P<d>"[^"]{1,60}"|[\w.:/-]{1,60})"""
    r"""|\.option\(\s*["'][^"']{1,80}["']\s*,\s*["'][^"']{0,200}["']\s*,\s*(?P<e>"[^"]{1,60}"|'[^']{1,60}'|[\w.-]{1,60})\s*\)"""
)


def _forms_of(path: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    if is_settings(path):
        return (("variable", _SHELL_VARIABLE), ("variable", _SET_VARIABLE))
    return (*_COMMON_FORMS, *_OWN_FORMS.get(path.rpartition(".")[2].lower(), ()))


def _named(kind: str, match: re.Match[str]) -> tuple[str, str]:
    """Give the name as people write it, and the default that the form itself tells."""
    name = match["name"]
    if kind == "flag" and not name.startswith("--"):
        name = f"--{name}"
    return name, _bare(match.groupdict().get("default") or "")


def _default_in(line: str) -> str:
    """Tell the default in a line, if there is just one."""
    found = [next(filter(None, match.groups()), "") for match in _DEFAULT.finditer(line)]
    return _bare(found[0]) if len(found) == 1 else ""


def _bare(value: str) -> str:
    return value.strip("\"'`")


_FLAG_NAME: Final = re.compile(rf"--{_LONG}")
_VARIABLE_NAME: Final = re.compile(_UPPER)
_ROUTE_NAME: Final = re.compile(_ROUTE_PATH)
_ROUTE_CALLS: Final = frozenset(
    {"get", "post", "put", "patch", "delete", "route", "websocket", "add_url_rule", "add_route", "add_api_route"}
)
_DEFAULT_FIRST: Final = frozenset({"Field", "Option", "Argument"})
"""Calls whose first argument is the default (pydantic, typer)."""

_DEFAULT_SECOND: Final = frozenset(
    {"get", "getenv", "env", "str", "int", "bool", "float", "setdefault", "pop", "config"}
)
"""Calls whose second argument is the default, if the first is a variable (os, environs, decouple)."""


def _in_node(node: ast.AST) -> Iterator[tuple[str, Sighting]]:
    match node:
        case ast.Call():
            yield from _in_call(node)
        case ast.Constant(value=str() as text) if _FLAG_NAME.fullmatch(text):
            yield text, Sighting("flag", node.lineno)
        case ast.Constant(value=str() as text) if _VARIABLE_NAME.fullmatch(text):
            yield text, Sighting("variable", node.lineno)
        case _:
            pass


def _in_call(call: ast.Call) -> Iterator[tuple[str, Sighting]]:
    """Tell flags and variables with the call's default, and the route that a decorator or a router takes."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    words = (*call.args, *(keyword.value for keyword in call.keywords))
    texts = [(one.value, one.lineno) for one in words if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    default = _default_of(call, name)
    for text, line in texts:
        if _FLAG_NAME.fullmatch(text):
            yield text, Sighting("flag", line, default)
        elif _VARIABLE_NAME.fullmatch(text):
            yield text, Sighting("variable", line, default)
    match call.args:
        case [ast.Constant(value=str() as text), *_] if name in _ROUTE_CALLS and _ROUTE_NAME.fullmatch(text):
            yield text, Sighting("route", call.lineno)
        case [ast.Constant(value=str() as text), _, *_] if name == "path" and _ROUTE_NAME.fullmatch(f"/{text}"):
            yield f"/{text}", Sighting("route", call.lineno)
        case _:
            pass


def _default_of(call: ast.Call, name: str) -> str:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if "default" in given:
        return _written(given["default"])
    if name in _DEFAULT_FIRST and call.args:
        return _written(call.args[0])
    return _written(call.args[1]) if name in _DEFAULT_SECOND and len(call.args) > 1 else ""


def _written(node: ast.expr) -> str:
    """Write a default as documentation would; empty if it is worked out or long."""
    if not isinstance(node, ast.Constant | ast.UnaryOp) or getattr(node, "value", None) is Ellipsis:
        return ""
    written = str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)
    return written if 0 < len(written) <= DEFAULT_CHARACTERS_MAX and "\n" not in written else ""
