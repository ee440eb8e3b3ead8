"""YAML tree: bytes to plain values that know their line and column.

Promises an answer for any bytes, in time: the size is judged before anything is parsed, the depth while it is, and of
YAML only what a configuration needs is read. Tags, anchors, aliases, directives and second documents are refused, a key
that stands twice too (security case 29). Does not promise all of YAML.

Plain words mean what YAML 1.2 says: `true` and `false` are the truth values, `on`, `yes` and `no` are words. PyYAML
does the scanning; its own reading of words (YAML 1.1, where `on:` is a truth value) is never asked for, since only its
events are taken.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import yaml

from pipeline.engine.errors import AskPerson
from pipeline.review.configuration.problem import TOP, Place, shown

FILE_BYTES_MAX: Final = 64 * 1024
"""The longest real ones have some 300 lines. Of 64 KiB the scanner is done in half a second."""

DEPTH_MAX: Final = 8
"""Levels of lists and mappings; the deepest setting stands on the fourth. It also bounds our recursion."""

VALUES_MAX: Final = 2_000
"""Keys and values in the file, lists and mappings among them; every list filled to its limit makes fewer. It bounds the
errors that can be made of a file, and by that the time."""

KEY_CHARACTERS_MAX: Final = 200
"""Far more than the longest name of a setting."""

_REFUSED: Final = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|\r(?!\n)"
)
"""What no editor writes on purpose: control characters, line ends that only some programs count, byte order marks."""

_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,18}")
"""Longer ones are text: no setting is as large, and Python refuses to read some thousand digits."""

_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]{1,18}\.[0-9]{0,18}|\.[0-9]{1,18})")

_WORDS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
"""The core schema of YAML 1.2.2, section 10.3.2."""

Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Leaf:
    """A single value."""

    place: Place
    value: Scalar


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    place: Place
    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Key:
    """A key where it stands, and what it leads to."""

    place: Place
    node: "Node"


@dataclass(frozen=True, slots=True)
class Branch:
    """A mapping."""

    place: Place
    keys: Mapping[str, Key]


Node: TypeAlias = Leaf | Items | Branch


class BadYaml(AskPerson):
    """The bytes are no YAML that we read; the reader of the file makes a problem of it."""

    code = "bad_yaml"

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place: Final = place


def read_tree(content: bytes) -> Node:
    """Read one document.

    Raises:
        BadYaml: It is none, or uses what is refused.
    """
    if len(content) > FILE_BYTES_MAX:
        raise BadYaml(TOP, f"The file has {len(content):,} bytes; the limit is {FILE_BYTES_MAX:,}. Shorten it.")
    text = _decode(content)
    try:
        return _document(_counted(yaml.parse(text, Loader=yaml.SafeLoader)))
    except yaml.MarkedYAMLError as error:
        raise _refusal(error, text) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # An escape or a directive with a number that PyYAML itself cannot hold.
        raise BadYaml(TOP, "A number in an escape or a directive of the file is too large to be read.") from error


def _decode(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadYaml(TOP, "The file is UTF-16. Save it as UTF-8.")
    if content.startswith(b"\xef\xbb\xbf"):
        raise BadYaml(TOP, "The file begins with a byte order mark. Save it as UTF-8 without one.")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        place = _place_at(content[: error.start].decode())
        raise BadYaml(place, f"Byte 0x{content[error.start]:02X} is no UTF-8. Save the file as UTF-8.") from error
    if refused := _REFUSED.search(text):
        place = _place_at(text[: refused.start()])
        raise BadYaml(place, f"U+{ord(refused[0]):04X} is a character that may not stand here. Remove it.")
    return text


def _place_at(before: str) -> Place:
    return Place(before.count("\n") + 1, len(before) - before.rfind("\n"))


def _refusal(error: yaml.MarkedYAMLError, text: str) -> BadYaml:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return BadYaml(TOP, f"This is no YAML: {shown(str(error))}.")
    place = Place(mark.line + 1, mark.column + 1)
    if text[mark.index : mark.index + 1] == "\t":
        return BadYaml(place, "A tab stands where only spaces may. Indent with spaces.")
    told = " ".join(part for part in (error.context, error.problem) if part)
    return BadYaml(place, f"This is no YAML: {told.replace('`', chr(39))}.")


def _place(event: yaml.Event) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1) if mark else TOP


def _counted(events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    values = 0
    for event in events:
        values += isinstance(event, yaml.NodeEvent)
        if values > VALUES_MAX:
            raise BadYaml(_place(event), f"More than {VALUES_MAX:,} keys and values; no configuration needs that many.")
        yield event


def _document(events: Iterator[yaml.Event]) -> Node:
    """Compose from events and not by `yaml.compose`, which recurses without a limit and follows aliases."""
    root: Node = Leaf(TOP, None)
    documents = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise BadYaml(_place(event), "A second document begins here. Keep one, without `---`.")
            if event.version or event.tags:
                raise BadYaml(_place(event), "Directives (`%…`) are not read. Remove them.")
        elif isinstance(event, yaml.NodeEvent):
            root = _node(event, events, 1)
    return root


def _node(event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Node:
    place = _place(event)
    _refuse_extras(event, place)
    if isinstance(event, yaml.ScalarEvent):
        return Leaf(place, _scalar(event))
    if depth > DEPTH_MAX:
        raise BadYaml(place, f"More than {DEPTH_MAX} lists and mappings stand in each other; no setting needs that.")
    if isinstance(event, yaml.SequenceStartEvent):
        return Items(place, tuple(_node(item, events, depth + 1) for item in _until(yaml.SequenceEndEvent, events)))
    return Branch(place, _keys(events, depth))


def _refuse_extras(event: yaml.Event, place: Place) -> None:
    if isinstance(event, yaml.AliasEvent):
        raise BadYaml(place, f"Aliases (`*{shown(event.anchor or '')}`) are not read. Write the value out.")
    anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
    if anchor is not None:
        raise BadYaml(place, f"Anchors (`&{shown(anchor)}`) are not read. Remove it.")
    if tag is not None:
        raise BadYaml(place, f"Tags (`{shown(tag)}`) are not read. Remove it.")


def _until(end: type[yaml.Event], events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    for event in events:
        if isinstance(event, end):
            return
        yield event


def _keys(events: Iterator[yaml.Event], depth: int) -> Mapping[str, Key]:
    keys: dict[str, Key] = {}
    for event in _until(yaml.MappingEndEvent, events):
        place = _place(event)
        _refuse_extras(event, place)
        if not isinstance(event, yaml.ScalarEvent) or len(event.value) > KEY_CHARACTERS_MAX:
            raise BadYaml(place, f"A key is a text of at most {KEY_CHARACTERS_MAX} characters.")
        if first := keys.get(event.value):
            told = f"`{shown(event.value)}` stands here twice, first on line {first.place.line}. Keep one."
            raise BadYaml(place, told)
        keys[_characters(event.value, place)] = Key(place, _node(next(events), events, depth + 1))
    return keys


def _scalar(event: yaml.ScalarEvent) -> Scalar:
    text = _characters(event.value, _place(event))
    if not event.implicit[0]:  # Quoted, or a block.
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _characters(text: str, place: Place) -> str:
    """Refuse what an escape made that could not have been written plainly."""
    if refused := _REFUSED.search(text):
        raise BadYaml(place, f"An escape makes U+{ord(refused[0]):04X}, which no setting may hold. Remove it.")
    return text
