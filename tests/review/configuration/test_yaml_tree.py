"""Any bytes are read, or refused in one line with a place, and in time (security case 29)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.review.configuration.problem import Place
from pipeline.review.configuration.schema import settings
from pipeline.review.configuration.yaml_tree import (
    DEPTH_MAX,
    FILE_BYTES_MAX,
    VALUES_MAX,
    BadYaml,
    Branch,
    Items,
    Leaf,
    Node,
    read_tree,
)

Plain = object


def plain(node: Node) -> Plain:
    """Forget the places."""
    if isinstance(node, Leaf):
        return node.value
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return {name: plain(key.node) for name, key in node.keys.items()}


def refusal(content: bytes) -> str:
    """Tell how bytes are refused."""
    with pytest.raises(BadYaml) as refused:
        read_tree(content)
    place = refused.value.place
    return f"{place.line}:{place.column} {refused.value.message}"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("False", False),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("no", "no"),
        ("~", None),
        ("", None),
        ("null", None),
        ("40", 40),
        ("-1", -1),
        ("007", 7),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("1:30", "1:30"),
        ("2.5", 2.5),
        (".5", 0.5),
        ("1e9", "1e9"),
        (".nan", ".nan"),
        (".inf", ".inf"),
        ("2026-01-01", "2026-01-01"),
        ("9" * 40, "9" * 40),
        ("'40'", "40"),
        ('"true"', "true"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
        ('"\\u00e9 \\U0001F600"', "é 😀"),
    ],
)
def test_a_plain_word_means_what_yaml_1_2_says(written: str, value: object) -> None:
    read = plain(read_tree(f"key: {written}".encode()))

    assert read == {"key": value}
    assert repr(read) == repr({"key": value}), "1 would equal True."


def test_a_key_called_on_is_a_key_and_no_truth_value() -> None:
    assert plain(read_tree(b"on: [push]\nyes: 1\n")) == {"on": ["push"], "yes": 1}


def test_everything_knows_where_it_stands() -> None:
    tree = read_tree("# Grüße\nä:\n  b: [1,  2]\n".encode())

    assert isinstance(tree, Branch)
    assert tree.keys["ä"].place == Place(2, 1)
    inner = tree.keys["ä"].node
    assert isinstance(inner, Branch)
    assert inner.keys["b"].place == Place(3, 3)
    items = inner.keys["b"].node
    assert isinstance(items, Items)
    assert [item.place for item in items.items] == [Place(3, 7), Place(3, 11)]


def test_line_ends_of_windows_are_line_ends() -> None:
    tree = read_tree(b"a: 1\r\nb: 2\r\n")

    assert plain(tree) == {"a": 1, "b": 2}
    assert isinstance(tree, Branch)
    assert tree.keys["b"].place == Place(2, 1)


@pytest.mark.parametrize("content", [b"", b"\n", b"# nothing\n", b"---\n", b"---\n...\n"])
def test_a_file_that_says_nothing_is_empty(content: bytes) -> None:
    assert plain(read_tree(content)) is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a: !!python/object/apply:os.system [id]", "1:4 Tags (`tag:yaml.org,2002:python/object/apply:os.system`)"),
        (b"a: ! b", "1:4 Tags (`!`)"),
        (b"a: &x [1]\nb: *x", "1:4 Anchors (`&x`) are not read."),
        (b"a: *x", "1:4 Aliases (`*x`) are not read. Write the value out."),
        (b"&x a: 1", "1:1 Anchors (`&x`)"),
        (b"!x a: 1", "1:1 Tags (`!x`)"),
        (b"a: 1\nb: 2\na: 3", "3:1 `a` stands here twice, first on line 1. Keep one."),
        (b"a: {b: 1, 'b': 2}", "1:11 `b` stands here twice, first on line 1."),
        (b"%YAML 1.1\n---\na: 1", "1:1 Directives"),
        (b"%TAG ! !x\n---\na: 1", "1:1 Directives"),
        (b"a: 1\n---\nb: 2", "2:1 A second document begins here."),
        (b"? [a]\n: b", "1:3 A key is a text of at most 200 characters."),
        (b"k" * 201 + b": 1", "1:1 A key is a text of at most 200 characters."),
        (b"a:\n\tb: 1", "2:1 A tab stands where only spaces may. Indent with spaces."),
        (b"a: 1\n b: 2", "2:3 This is no YAML: mapping values are not allowed here."),
        (b"a: [1", "1:6 This is no YAML: while parsing a flow sequence"),
        (b"a: `b`", "1:4 This is no YAML: while scanning for the next token found character '''"),
        (b"a: b\0c", "1:5 U+0000 is a character that may not stand here. Remove it."),
        (b"a: 1\nb: \x1b[2J", "2:4 U+001B"),
        ("a: x\u2028b".encode(), "1:5 U+2028"),
        ("a: x\ufeffb".encode(), "1:5 U+FEFF"),
        (b"a: x\rb: 1", "1:5 U+000D"),
        (b"\xef\xbb\xbfa: 1", "1:1 The file begins with a byte order mark. Save it as UTF-8 without one."),
        ("a: 1".encode("utf-16"), "1:1 The file is UTF-16. Save it as UTF-8."),
        (b"\xfe\xff" + "a: 1".encode("utf-16-be"), "1:1 The file is UTF-16. Save it as UTF-8."),
        ("a: 1".encode("utf-16-be"), "1:1 U+0000"),
        ("# é\nä: 1".encode("latin-1"), "1:3 Byte 0xE9 is no UTF-8. Save the file as UTF-8."),
        (b'a: "\\0"', "1:4 An escape makes U+0000, which no setting may hold."),
        (b'a: "\\ud800"', "1:4 An escape makes U+D800"),
        (b'"\\e": 1', "1:1 An escape makes U+001B"),
        (b'a: "\\UFFFFFFFF"', "1:1 A number in an escape or a directive of the file is too large to be read."),
        (b"%YAML " + b"9" * 5_000 + b".1\n---\n", "1:1 A number in an escape or a directive"),
        (b"a" * (FILE_BYTES_MAX + 1), "1:1 The file has 65,537 bytes; the limit is 65,536. Shorten it."),
        (b"[" + b"1," * VALUES_MAX + b"]", "1:4000 More than 2,000 keys and values; no configuration needs that many."),
        (b"- " * (DEPTH_MAX + 1) + b"a", "1:17 More than 8 lists and mappings stand in each other"),
    ],
)
def test_what_a_configuration_does_not_need_is_refused_where_it_stands(content: bytes, told: str) -> None:
    assert refusal(content).startswith(told)


@pytest.mark.parametrize("piece", [b"[", b"{", b"- ", b"? ", b"a: ", b"{a: ", b"[[],", b"&a ", b"!a ", b'"a', b"\t"])
def test_a_file_that_is_full_of_beginnings_is_refused_before_it_is_all_looked_at(piece: bytes) -> None:
    """PyYAML alone takes more than a minute for 65,000 opening brackets."""
    content = piece * (FILE_BYTES_MAX // len(piece))

    assert refusal(content)


def test_a_bomb_of_anchors_is_refused_at_its_first_anchor() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{new}: &{new} [*{old}, *{old}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )

    assert refusal(bomb.encode()).startswith("1:4 Anchors (`&a`)")


def test_a_file_with_every_list_filled_to_its_limit_is_read() -> None:
    lists = [setting for setting in settings() if setting.form.startswith("a list")]
    limits = {setting: int(re.findall(r"at most (\d+) items", setting.form)[0]) for setting in lists}

    assert len(lists) > 8
    assert sum(limits.values()) + 4 * len(list(settings())) < VALUES_MAX


def test_as_many_levels_as_are_allowed_are_read() -> None:
    assert plain(read_tree(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX)) == [[[[[[[[]]]]]]]]


@given(st.binary(max_size=400) | st.text(alphabet="ab:-?[]{}&*!|>'\"%#\\u0x \n\t,.~", max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused_at_a_place_in_the_file(content: bytes) -> None:
    place, message = answer(content)

    assert 1 <= place.line <= content.count(b"\n") + 2
    assert place.column >= 1
    assert message.strip()


def answer(content: bytes) -> tuple[Place, str]:
    """Tell where and how bytes are refused, or that they are read."""
    try:
        return read_tree(content).place, "read"
    except BadYaml as refused:
        return refused.place, refused.message
