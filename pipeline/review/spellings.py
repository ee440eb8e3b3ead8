"""Spellings: how documentation writes a name that changed, and what only looks like it.

Promises that a name counts as a word of its own; one that is also an ordinary word only where it is written as code;
a route whatever notation its parameters have; and that a flag of another program on the line, a part of an address, a
variable of the system and a name of Python's own library are somebody else's.
"""

import re
import sys
from typing import Final

from pipeline.review.names import ChangedName

NAME_CHARACTERS_MIN: Final = 4
"""Shorter names occur by accident."""

_COMMON: Final = """
about access action async await base begin bool bytes call change check class clear client close code command commit
config connect content context copy count create data date default delete dict done dump edit error event exit file
filter find flag flush format from function handle head help host index info init input insert item items join keys
kind label left length level limit line link list load local lock main make match message method mode model module
move name next node none null number object open option options order output owner page parse path pause ping plan
point poll port post print process property pull push query queue quit read receive record refresh remove render
replace report request reset resolve response result resume return root route run save scan schema search select
self send server service session setup show sign size sort source split start state status step stop store string
submit task test text time title token tool total true type unit update upload user validate value values verify
version view wait warn with work wrap write
"""
"""Names that are everyday words of documentation: even in code type they mean something else too often."""

_PARAMETER: Final = re.compile(r"\\?\{[^}/]*\}|<[^>/]*>|(?<=/):\w+")
"""A part of a route that stands for any value; also in an escaped pattern."""

_OTHER_PROGRAM: Final = re.compile(
    r"(?:^|[\s`$(|])(?:apt|apt-get|brew|bundle|cargo|curl|docker|dotnet|gem|gh|git|go|gradle|helm|kubectl|make|mvn"
    r"|npm|npx|openssl|pip3?|pipx|pnpm|podman|psql|pytest|ruff|ssh|systemctl|tar|terraform|tox|uv|wget|yarn)\s+"
    r"(?!run\b|exec\b|compose\b|start\b|x\b)"
)
"""A call of somebody else's program; those that run a program of ours are not meant."""

_CALL_END: Final = re.compile(r"[|;&]")

_OWNER: Final = re.compile(r"(?<![\w.])(\w+)\.$")
"""The module before a name: `ssl` of `ssl.SSLContext`."""

_OF_THE_SYSTEM: Final = re.compile(
    r"(LC|XDG|LD|DYLD|SSL_CERT)_\w+|(HTTPS?|FTP|NO|ALL)_PROXY|(NO|FORCE)_COLOR|SOURCE_DATE_EPOCH|GITHUB_\w+|CI_\w+"
)
"""Variables that other programs read too: a program that stops to look at one takes nothing away."""


def is_telling(changed: ChangedName) -> bool:
    """Whether a name is rare enough to be looked for in prose."""
    is_ours = not (changed.kind == "variable" and _OF_THE_SYSTEM.fullmatch(changed.name))
    return is_ours and len(changed.name) >= NAME_CHARACTERS_MIN and changed.name.lower() not in _COMMON.split()


def mention_pattern(changed: ChangedName) -> re.Pattern[str]:
    """Make the pattern of a mention: strict for names that are also words."""
    name = re.escape(changed.name)
    if changed.kind == "route":
        return re.compile(rf"(?<![\w/.-]){_route(changed.name)}(?![\w/-])")
    if changed.kind == "flag" or is_distinctive(changed.name):
        return re.compile(rf"(?<![\w-]){name}(?![\w-])")
    return re.compile(rf"(?<![\w-]){name}(?=\()|(?<=[`.:]){name}(?!\w)|(?<![\w-]){name}(?=`)")


def _route(path: str) -> str:
    """Write a route so that its parameters may be written in any way: `{id}`, `<int:id>`, `:id`."""
    return _PARAMETER.sub(lambda _: r"(?:\{[^}/]{1,60}\}|<[^>/]{1,60}>|:\w{1,60})", re.escape(path))


def search_phrase(changed: ChangedName) -> str:
    """Say what is looked up in the index: of a route the longest part that has no parameter."""
    if changed.kind != "route":
        return changed.name
    return max(_PARAMETER.split(changed.name), key=len)


def is_foreign(text: str, start: int) -> bool:
    """Whether it is a flag of another program that is called on the line, part of an address, or Python's own."""
    before = text[:start]
    owner = _OWNER.search(before)
    is_of_python = owner is not None and owner[1] in sys.stdlib_module_names
    return (
        is_of_python or bool(_OTHER_PROGRAM.search(_CALL_END.split(before)[-1])) or "://" in before.rpartition(" ")[2]
    )


def is_distinctive(name: str) -> bool:
    """Whether nobody would write this by accident: `apply_discount`, `parseConfig`, `HTTP2`."""
    return "_" in name.strip("_") or any(letter.isupper() or letter.isdigit() for letter in name[1:])


def as_there(changed: ChangedName, mention: str) -> str:
    """Write the new name as the old one stands there: a route with its parameters in the same notation."""
    parameters = _PARAMETER.findall(mention) if changed.kind == "route" else []
    if not parameters or len(parameters) != len(_PARAMETER.findall(changed.new_name)):
        return changed.new_name
    left = iter(parameters)
    return _PARAMETER.sub(lambda _: next(left), changed.new_name)
