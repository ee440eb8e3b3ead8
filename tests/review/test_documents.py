"""Documentation is cut into sections with true line numbers, whatever the bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.review.documents import (
    LINE_CHARACTERS_MAX,
    SECTION_CHARACTERS_MIN,
    SECTIONS_MAX,
    Kind,
    is_history,
    kind_of,
    reading_order,
    split,
)


def outline(kind: Kind, text: str) -> list[tuple[int, int, str]]:
    return [(section.line, section.line_end, section.heading) for section in split(kind, text.encode())]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("README.md", Kind.MARKDOWN),
        ("README", Kind.PLAIN),
        ("docs/guide.rst", Kind.REST),
        ("docs/guide.txt", Kind.PLAIN),
        ("guide.adoc", Kind.ASCIIDOC),
        ("AGENTS.md", Kind.MARKDOWN),
        (".github/copilot-instructions.md", Kind.MARKDOWN),
        ("shop/cart.py", Kind.PYTHON),
        ("words.txt", None),
        ("requirements.txt", None),
        ("shop/cart.js", Kind.COMMENTS),
        ("shop/cart.test.ts", None),
        ("shop/cart_test.go", None),
        ("api/openapi.yaml", Kind.OPENAPI),
        ("docs/swagger.v1.json", Kind.OPENAPI),
        ("deploy/values.yaml", None),
        ("tests/test_cart.py", None),
        ("node_modules/left-pad/README.md", None),
        ("vendor/lib/README.md", None),
        ("", None),
    ],
)
def test_documents_are_known_by_their_paths(path: str, kind: Kind | None) -> None:
    assert kind_of(path) is kind


@pytest.mark.parametrize(
    "path", ["CHANGELOG.md", "docs/adr/0001-use-redis.md", "docs/history.rst", "docs/upgrading.md"]
)
def test_documents_of_the_past_are_known(path: str) -> None:
    assert is_history(path)


def test_what_matters_most_is_read_first() -> None:
    paths = ["shop/cart.py", "pkg/notes.md", "docs/b.md", "README.md", "docs/deep/a.md"]

    assert sorted(paths, key=reading_order) == [
        "README.md",
        "docs/b.md",
        "docs/deep/a.md",
        "pkg/notes.md",
        "shop/cart.py",
    ]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (Kind.MARKDOWN, "intro\n\n# A\none\n\n## B ##\n\ntwo\n# C#\nthree", [
            (1, 1, ""), (3, 4, "A"), (6, 8, "A > B"), (9, 10, "C#"),
        ]),
        (Kind.MARKDOWN, "A\n===\none\nB\n---\ntwo\n\n- item\n---\n", [(1, 3, "A"), (4, 9, "A > B")]),
        (Kind.MARKDOWN, "# A\n```sh\n# no heading\n```\n~~~\n# nor this\n```\n~~~\n# B", [(1, 8, "A"), (9, 9, "B")]),
        (Kind.MARKDOWN, "---\ntitle: x\n---\n# A", [(1, 3, ""), (4, 4, "A")]),
        (Kind.MARKDOWN, "#no heading\n####### nor this", [(1, 2, "")]),
        (Kind.MARKDOWN, "\ufeff# A\r\none\r\n", [(1, 2, "A")]),
        (Kind.REST, "=====\nTitle\n=====\nintro\n\nPart\n====\none\n\nSub\n---\ntwo", [
            (1, 1, ""), (2, 4, "Title"), (6, 8, "Title > Part"), (10, 12, "Title > Part > Sub"),
        ]),
        (Kind.ASCIIDOC, "= A\n\n== B\none\n----\n== code\n----\n", [(1, 1, "A"), (3, 7, "A > B")]),
        (Kind.PLAIN, "\n\n# just text\n\n", [(3, 3, "")]),
        (Kind.PLAIN, "", []),
        (Kind.MARKDOWN, "one\rstill one\x0cstill\u2028one\ntwo", [(1, 2, "")]),
    ],
)  # fmt: skip
def test_sections_follow_the_headings(kind: Kind, text: str, expected: list[tuple[int, int, str]]) -> None:
    assert outline(kind, text) == expected


def test_long_sections_are_cut_at_blank_lines() -> None:
    paragraph = "word " * (SECTION_CHARACTERS_MIN // 5)

    assert outline(Kind.PLAIN, f"{paragraph}\n\nsecond\n\nthird") == [(1, 1, ""), (3, 5, "")]


PYTHON = '''"""Shop.

Sells things.
"""

class Cart:
    """Holds items."""

    def add(self, item):
        """Put an item in."""
        def inner():
            """Nobody can name this."""

if True:
    async def pay():
        """Pay."""

def silent(): ...
'''


def test_docstrings_are_sections_named_after_what_they_describe() -> None:
    assert outline(Kind.PYTHON, PYTHON) == [(1, 4, ""), (7, 7, "Cart"), (10, 10, "Cart.add"), (16, 16, "pay")]


@pytest.mark.parametrize(
    "content",
    [
        b"def (",
        b"x = '\0'",
        b"# coding: no-such\n",
        b"(" * 10_000,
        b"a" + b".b" * 50_000,
        b"-" * 50_000 + b"1",
        b"\xff\xfe",
    ],
)
def test_python_that_cannot_be_parsed_has_no_docstrings(content: bytes) -> None:
    assert split(Kind.PYTHON, content) == ()


def test_python_that_warns_when_it_is_parsed_is_parsed_in_silence() -> None:
    assert outline(Kind.PYTHON, "'\\d'") == [(1, 1, "")]


def test_one_huge_line_is_cut() -> None:
    (section,) = split(Kind.MARKDOWN, b"x" * 1_000_000)

    assert len(section.text) == LINE_CHARACTERS_MAX


def test_a_flood_of_headings_is_cut() -> None:
    assert len(split(Kind.MARKDOWN, b"# a\n" * (2 * SECTIONS_MAX))) == SECTIONS_MAX


@settings(deadline=None)
@given(st.sampled_from(Kind), st.one_of(st.binary(), st.text("#=-`~\"'* \t\r\nab(:").map(str.encode)))
def test_any_bytes_give_sections_in_order_with_their_own_lines(kind: Kind, content: bytes) -> None:
    lines = content.decode("utf-8-sig", "replace").split("\n")

    end = 0
    for section in split(kind, content):
        assert end < section.line <= section.line_end <= len(lines)
        assert section.text.count("\n") == section.line_end - section.line
        end = section.line_end


OPENAPI = """\
openapi: 3.1.0
info: {title: Shop}
paths:
  /cart/{id}:
    parameters: [{name: id, in: path}]
    get:
      summary: Read a cart
    delete:
      summary: Drop a cart
components:
  schemas:
    Cart:
      type: object
"""


def test_an_openapi_description_is_cut_at_its_operations() -> None:
    assert outline(Kind.OPENAPI, OPENAPI) == [
        (1, 2, ""),
        (3, 3, "paths"),
        (4, 5, "paths > /cart/{id}"),
        (6, 7, "paths > /cart/{id} > GET"),
        (8, 9, "paths > /cart/{id} > DELETE"),
        (10, 10, "components"),
        (11, 11, "components > schemas"),
        (12, 13, "components > schemas > Cart"),
    ]


def test_an_openapi_description_in_json_is_cut_alike() -> None:
    text = '{\n "paths": {\n  "/cart": {\n   "get": {\n    "summary": "Read"\n   }\n  }\n }\n}\n'

    assert outline(Kind.OPENAPI, text)[-1] == (4, 9, "paths > /cart > GET")


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\npaths: *c\n",
        "paths: !!python/object/apply:os.system ['echo']\n",
        "paths:\n" + "".join(" " * depth + "a:\n" for depth in range(1, 900)),
        "[" * 5_000,
        "[\n" * 400_000,
        "{a: " * 5_000,
        "paths:\n\t/cart: {}\n",
        "? [a, b]\n: x\n? {c: d}\n: y\npaths: {}\n",
        "---\npaths: {}\n---\npaths: {}\n",
        "paths: {/a: {get: \x00}}",
    ],
    ids=[
        "aliases",
        "tag",
        "deep",
        "lists",
        "lists on lines",
        "mappings",
        "tab",
        "complex keys",
        "two documents",
        "nul",
    ],
)
def test_case_29_hostile_yaml_builds_nothing_and_is_cut_by_its_lines(text: str) -> None:
    sections = split(Kind.OPENAPI, text.encode())

    assert sum(section.line_end - section.line + 1 for section in sections) <= text.count("\n") + 1


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.REST, "Use\n===\n\n.. include:: /etc/passwd\n\n.. raw:: html\n   :file: /etc/passwd\n"),
        (Kind.ASCIIDOC, "= Use\n\ninclude::/etc/passwd[]\n\nifdef::x[]\n"),
        (Kind.MARKDOWN, "# Use\n\n{% include '/etc/passwd' %}\n\n![[/etc/passwd]]\n"),
    ],
)
def test_case_44_no_document_makes_us_read_another(kind: Kind, text: str) -> None:
    (section,) = split(kind, text.encode())

    assert section.text == text.rstrip("\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/**\n * Takes off.\n */\nexport function applyDiscount(a) {}\n", [(1, 3, "applyDiscount")]),
        ("/** Takes off. */\n@Deprecated\npublic int applyDiscount(int a) {}\n", [(1, 1, "applyDiscount")]),
        ("// Total sums.\n// All of it.\nfunc (c *Cart) Total() int {}\n", [(1, 2, "Total")]),
        ("/// Parses.\n#[inline]\npub fn parse_it() {}\n", [(1, 1, "parse_it")]),
        ("# Sums.\ndef self.total\nend\n", [(1, 1, "total")]),
        ("//! The crate.\n", [(1, 1, "")]),
        ("// a remark\nx := 1\n", []),
        ("/* no doc */\n", []),
        ("/**/\nint x;\n", []),
        ("/** never ends\n" + "x\n" * 3, [(1, 4, "")]),
    ],
)
def test_comments_that_describe_are_documents_too(text: str, expected: list[tuple[int, int, str]]) -> None:
    assert outline(Kind.COMMENTS, text) == expected


@pytest.mark.parametrize("line", ["# x", "// x", "/** x", "- x", "["])
@pytest.mark.parametrize("kind", [Kind.COMMENTS, Kind.OPENAPI, Kind.MARKDOWN])
def test_case_43_a_file_of_a_hundred_thousand_like_lines_is_soon_done(kind: Kind, line: str) -> None:
    """Whatever takes time with the square of the lines takes minutes here, and the test its time-out."""
    assert len(split(kind, f"{line}\n".encode() * 100_000)) <= SECTIONS_MAX
