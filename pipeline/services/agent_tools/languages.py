"""Languages: how a line of code looks that defines a name, for languages that are not parsed.

Promises patterns that mean the same to `git grep` (POSIX extended) and to Python, so that git finds candidates in the
whole commit and Python keeps those that fit the file's language. Does not promise to tell every definition, nor that
every line told is one: a reader looks at it anyway.

Why no parser: tree-sitter needs a compiled grammar for each language, some 100 MB for those that a review meets, and
runs as C on a stranger's bytes in the process that holds the model's key. A line that says `func Total(` needs neither.
"""

import re
from collections.abc import Iterator
from typing import Final

LINE_CHARACTERS_MAX: Final = 240
"""Of a line this much is looked at; the patterns take time with the square of it."""

_KEYWORDS: Final = (
    "class|const|create|def|define|defmacro|defmodule|defp|enum|extension|fn|fun|func|function|function\\*|impl"
    "|interface|let|macro|macro_rules!|mod|module|namespace|object|package|protocol|record|static|struct|sub|trait|type"
    "|typealias|typedef|union|val|var"
)
_MODIFIERS: Final = "abstract|extern|final|internal|override|private|protected|public|readonly|static|virtual"
_CONTROL: Final = re.compile(r"\s*(?:return|if|else|while|for|switch|case|new|await|throw|yield|delete|go|defer|not)\b")
_COMMENT: Final = re.compile(r"\s*(?://|#(?!\s*define)|\*|/\*|--\s|;|%|<!--)")

# A class of characters holds a real tab: in POSIX brackets a backslash stands for itself.
_S: Final = "[ \t]"
_NO_WORD: Final = "[^A-Za-z0-9_.]"

FORMS: Final = {
    "keyword": rf"(^|{_NO_WORD})({_KEYWORDS}){_S}+(\([^)]*\){_S}*)?([A-Za-z0-9_]+(\.|::))?[*&]?NAME([^A-Za-z0-9_]|$)",
    "modifier": rf"(^|{_NO_WORD})({_MODIFIERS}){_S}([^=;(){{}}]*[^A-Za-z0-9_.])?NAME{_S}*[=(;:<]",
    "created": rf"^{_S}*(CREATE|create){_S}[^(;]*[^A-Za-z0-9_]NAME([^A-Za-z0-9_]|$)",
    "assigned": rf"^{_S}*(export{_S}+)?NAME{_S}*(:[^=]*)?=([^=]|$)",
    "typed": rf"^{_S}*[A-Za-z_][^=;(){{}}.]*[ \t*&:]NAME{_S}*\([^;]*$",
    "braced": rf"^{_S}*((async|get|set|static){_S}+)?NAME{_S}*\([^(]*\)[^()=>]*[{{]{_S}*$",
}
"""NAME stands for the name."""

_SCRIPT: Final = ("keyword", "braced")
_TYPED: Final = ("keyword", "modifier", "typed", "braced")
_PLAIN: Final = ("keyword", "assigned")
_LANGUAGES: Final = {
    **dict.fromkeys(("py", "pyi", "rb", "sh", "bash", "lua", "r", "jl", "ex", "exs", "pl", "pm"), _PLAIN),
    **dict.fromkeys(
        ("js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "vue", "svelte", "php"), (*_SCRIPT, "modifier")
    ),
    "sql": ("created",),
    **dict.fromkeys(("go", "rs", "proto", "graphql", "zig", "tf"), ("keyword",)),
    **dict.fromkeys(("java", "kt", "kts", "scala", "cs", "swift", "dart", "groovy"), _TYPED),
    **dict.fromkeys(("c", "h", "cc", "cpp", "cxx", "hh", "hpp", "m", "mm"), _TYPED),
}


def expressions(name: str) -> tuple[str, ...]:
    """Write all forms for `git grep`; the name has word characters only, and `$`."""
    return tuple(form.replace("NAME", name.replace("$", "[$]")) for form in FORMS.values())


def is_code(path: str) -> bool:
    """Whether definitions are looked for in a file of this name."""
    return _suffix(path) in _LANGUAGES


def is_python(path: str) -> bool:
    """Whether it is parsed instead."""
    return _suffix(path) in {"py", "pyi"}


def is_comment(line: str) -> bool:
    """Whether a line of code looks like nothing but a comment."""
    return bool(_COMMENT.match(line))


def defines(path: str, line: str, name: str) -> bool:
    """Whether a line of a file looks like a definition of the name."""
    short = line[:LINE_CHARACTERS_MAX].rstrip("\r")
    if is_comment(short) or _CONTROL.match(short):
        return False
    return any(re.search(form, short) for form in _forms(path, name))


def _forms(path: str, name: str) -> Iterator[str]:
    for form in _LANGUAGES.get(_suffix(path), ()):
        yield FORMS[form].replace("NAME", re.escape(name))


def _suffix(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[2].lower()
