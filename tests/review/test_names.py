"""Only names that are gone, are called otherwise or mean something else are told."""

import textwrap

import pytest

from pipeline.review.names import Change, ChangedCode, changed_names, defines

REMOVED, RENAMED, CHANGED = Change.REMOVED, Change.RENAMED, Change.CHANGED


def python(before: str | None, after: str | None, path: str = "shop/cart.py") -> ChangedCode:
    old, new = (None if text is None else textwrap.dedent(text).encode() for text in (before, after))
    return ChangedCode(
        path=path, old_path=path, before=old, after=new, removed=numbered(before or ""), added=numbered(after or "")
    )


def lines(path: str, removed: str, added: str) -> ChangedCode:
    return ChangedCode(path=path, old_path=path, removed=numbered(removed), added=numbered(added))


def numbered(text: str) -> list[tuple[int, str]]:
    return list(enumerate(textwrap.dedent(text).splitlines(), start=1))


def told(*files: ChangedCode) -> list[tuple[str, Change, str]]:
    return [(name.name, name.change, name.new_name or name.detail) for name in changed_names(files)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("def buy(): pass", "", [("buy", REMOVED, "")]),
        ("def buy(): pass", None, [("buy", REMOVED, "")]),
        ("def buy(): pass", "def buy(): return 1", []),
        ("", "def buy(): pass", []),
        ("def _buy(): pass", "", []),
        ("def buy(a): return a + 1", "def order(a): return a + 1", [("buy", RENAMED, "order")]),
        ("def buy(a, b): return a", "def order(a, b): return b", [("buy", RENAMED, "order")]),
        ("def buy(a): return a", "def order(x, y): return y", [("buy", REMOVED, "")]),
        ("def buy(a): return a", "def order(a, b=()): return b", [("buy", RENAMED, "order")]),
        ("def buy(a, b): return a", "def order(a): return a + 1", [("buy", REMOVED, "")]),
        ("def buy(): return 1", "def order(a): return a", [("buy", REMOVED, "")]),
        ("async def buy(): pass", "def buy(): pass", []),
        ("class Cart:\n def add(self): pass", "", [("Cart", REMOVED, "")]),
        ("class Cart:\n def add(self): pass", "class Basket:\n def add(self): pass", [("Cart", RENAMED, "Basket")]),
        ("class Cart:\n def add(self): pass\n x = 1", "class Cart:\n x = 1", [("add", REMOVED, "")]),
        ("LIMIT = 3", "", [("LIMIT", REMOVED, "")]),
        ("LIMIT = 3", "LIMIT: int = 3", []),
        ("LIMIT = 3", "LIMIT = 4", [("LIMIT", CHANGED, "its value is `4` now, no longer `3`")]),
        ("LIMIT = 3", "CAP = 3", [("LIMIT", RENAMED, "CAP")]),
        ("limit = 3", "limit = 4", []),
        ("def buy(a): pass", "def buy(a, b=1): pass", []),
        ("def buy(a): pass", "def buy(a, b): pass", [("buy", CHANGED, "it needs a parameter `b` now")]),
        ("def buy(a, b): pass", "def buy(a): pass", [("buy", CHANGED, "its parameter `b` is gone")]),
        ("def buy(a, __b): pass", "def buy(a): pass", []),
        ("def buy(a, /): pass", "def buy(b, /): pass", []),
        ("def buy(*, b=1): pass", "def buy(*, b): pass", [("buy", CHANGED, "its parameter `b` is required now")]),
        (
            "def buy(a=1, *, b='x'): pass",
            "def buy(a=2, *, b='y'): pass",
            [
                (
                    "buy",
                    CHANGED,
                    "the default of `a` is `2` now, no longer `1`; the default of `b` is `'y'` now, no longer `'x'`",
                )
            ],
        ),
        ("class C:\n def f(self): 1", "class C:\n def f(it): 1", [("f", CHANGED, "it needs a parameter `it` now")]),
        ("def buy(): pass", "class buy: pass", [("buy", CHANGED, "it is a class now")]),
        ("def f(): pass\ndef g(): pass", "def g(): pass\ndef f(): pass", []),
    ],
)  # fmt: skip
def test_python_is_compared_as_a_whole(before: str, after: str | None, expected: list[tuple[str, Change, str]]) -> None:
    assert told(python(before, after)) == expected


def test_a_name_that_moved_to_another_file_is_not_removed() -> None:
    assert told(python("def buy(): pass", ""), python("", "def buy(): pass", path="shop/order.py")) == []


def test_python_that_cannot_be_parsed_is_compared_by_lines() -> None:
    assert told(python("def buy(:", "def order(:")) == [("buy", RENAMED, "order")]


@pytest.mark.parametrize("path", ["tests/test_cart.py", "shop/cart_test.py", "README.md", "data.json"])
def test_tests_and_other_files_offer_no_names(path: str) -> None:
    assert told(python("def buy(): pass", "", path=path)) == []


@pytest.mark.parametrize(
    ("path", "declaration"),
    [
        ("a.ts", "export async function {}(a: string) {{"),
        ("a.js", "export const {} = 3"),
        ("a.tsx", "export default class {} extends X {{"),
        ("a.go", "func (c *Cart) {}(a int) error {{"),
        ("a.go", "type {} struct {{"),
        ("a.rs", "    pub async fn {}(&self) -> u8 {{"),
        ("a.rs", "pub struct {} {{"),
        ("A.java", "  public static Map<String, Integer> {}(int a) {{"),
        ("A.java", "public final class {} {{"),
        ("A.kt", "  suspend fun {}(a: Int): Int {{"),
        ("a.rb", "  def self.{}(a)"),
        ("a.php", "  public static function {}($a)"),
    ],
)
def test_declarations_of_other_languages_are_known_by_their_lines(path: str, declaration: str) -> None:
    old, new, gone = declaration.format("OldName"), declaration.format("NewName"), "// nothing"

    assert told(lines(path, old, new)) == [("OldName", RENAMED, "NewName")]
    assert told(lines(path, old, gone)) == [("OldName", REMOVED, "")]
    assert told(lines(path, old, old + "  // said better")) == []


@pytest.mark.parametrize(
    ("path", "removed", "added", "expected"),
    [
        ("a.py", 'add("--retry-max")', 'add("--retries")', [("--retry-max", RENAMED, "--retries")]),
        ("a.go", 'f("-r", "--retry-max")', "", [("--retry-max", REMOVED, "")]),
        ("a.py", 'add("-r, --retry-max=N")', "", [("--retry-max", REMOVED, "")]),
        ("a.py", "x = y --retry", "", []),
        ("a.py", 'environ["SHOP_URL"]', 'environ["SHOP_BASE_URL"]', [("SHOP_URL", RENAMED, "SHOP_BASE_URL")]),
        ("a.sh", "curl $SHOP_URL", "", [("SHOP_URL", REMOVED, "")]),
        ("a.js", "app.get('/api/cart', f)", "app.get('/api/v2/cart', f)", [("/api/cart", RENAMED, "/api/v2/cart")]),
        ("a.py", 'open("/etc/hosts")', "", []),
        (
            "a.py",
            'add("--retry-max", default=3)',
            'add("--retry-max", default=5)',
            [("--retry-max", CHANGED, "its default is `5` now, no longer `3`")],
        ),
        (
            "a.py",
            'os.environ.get("SHOP_PORT", "80")',
            'os.environ.get("SHOP_PORT", "8080")',
            [("SHOP_PORT", CHANGED, "its default is `8080` now, no longer `80`")],
        ),
    ],
)
def test_flags_variables_and_routes_are_known_in_quotes(
    path: str, removed: str, added: str, expected: list[tuple[str, Change, str]]
) -> None:
    assert told(lines(path, removed, added)) == expected


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ("def buy(a):", True),
        ("    async def buy(a):", True),
        ("class buy:", True),
        ("func (c *Cart) buy(", True),
        ("buy = order", True),
        ("export const buy =", True),
        ('add("buy")', True),
        ("buy(1)", False),
        ("if buy == 3:", False),
        ("def buyer():", False),
        ("# buy", False),
    ],
)
def test_definitions_elsewhere_are_found(code: str, *, is_found: bool) -> None:
    pattern = defines(["buy", "--retry-max"])

    assert pattern is not None
    assert bool(pattern.search(code.encode())) is is_found


def test_a_variable_that_is_put_together_is_not_called_gone() -> None:
    assert told(lines("a.go", 'x := "SHOP_ACTIVE_HELP"', 'x := prefix + "ACTIVE_HELP"')) == []
