"""find_definition and find_references: names of code, parsed or told by the look of a line."""

import pytest

from pipeline.services.agent_tools.languages import defines
from tests.services.agent_tools.desk import DeskMaker

CART = '''"""The total of a cart."""
from shop.rates import rate, net as total_net


class Cart:
    def total(self, items, *, rate=1):
        # total of all
        return sum(item.total for item in items) * rate


class Order:
    def total(self):
        return Cart().total([], rate=2)


RATE: int = 3
'''


async def test_a_python_definition_is_told_with_its_range_and_its_class(make_desk: DeskMaker) -> None:
    desk = await make_desk({"shop/cart.py": CART})

    result = await desk.ask("find_definition", name="Cart")

    assert result.text.splitlines() == [
        "1 definition:",
        "shop/cart.py, lines 5 to 8 (class):",
        "5| class Cart:",
        "6|     def total(self, items, *, rate=1):",
        "7|         # total of all",
        "8|         return sum(item.total for item in items) * rate",
    ]
    assert [(read.path, read.line, read.line_end) for read in result.read] == [("shop/cart.py", 5, 8)]


async def test_a_dotted_name_tells_methods_apart(make_desk: DeskMaker) -> None:
    desk = await make_desk({"shop/cart.py": CART})

    for name in (
        "Order.total",
        "shop.Order.total",
        "Order::total",
        "Order#total",
    ):
        text = await desk.read("find_definition", name=name)

        assert text.startswith("1 definition:\nshop/cart.py, lines 12 to 13 (function in Order):")


async def test_a_name_without_its_class_tells_all_definitions(make_desk: DeskMaker) -> None:
    desk = await make_desk({"shop/cart.py": CART})

    assert "2 definitions:" in await desk.read("find_definition", name="total")
    assert "line 16 (assignment)" in await desk.read("find_definition", name="RATE")


async def test_python_uses_are_told_by_kind_and_not_from_strings_or_comments(make_desk: DeskMaker) -> None:
    desk = await make_desk({"shop/cart.py": CART, "README.md": "total\n"})

    text = await desk.read("find_references", name="total")

    assert text.splitlines() == [
        "2 uses:",
        "shop/cart.py:8 (attribute in Cart.total)|         return sum(item.total for item in items) * rate",
        "shop/cart.py:13 (method call in Order.total)|         return Cart().total([], rate=2)",
    ]


async def test_imports_parameters_and_keywords_are_uses(make_desk: DeskMaker) -> None:
    desk = await make_desk({"shop/cart.py": CART})

    text = await desk.read("find_references", name="rate")

    assert [line.partition("|")[0] for line in text.splitlines()[1:]] == [
        "shop/cart.py:2 (import)",
        "shop/cart.py:6 (parameter in Cart.total)",
        "shop/cart.py:8 (name in Cart.total)",
        "shop/cart.py:13 (keyword argument in Order.total)",
    ]


async def test_case_41_python_that_cannot_be_parsed_is_judged_line_by_line(make_desk: DeskMaker) -> None:
    desk = await make_desk({"old.py": "print 'x'\ndef total(a):\n    total(1)\n", "deep.py": "(" * 5_000 + "total\n"})

    definition = await desk.read("find_definition", name="total")
    uses = await desk.read("find_references", name="total")

    assert "old.py, line 2 (definition):" in definition
    assert "old.py:3 (word)|     total(1)" in uses


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.js", "export async function total(items) {"),
        ("a.js", "const total = (items) => 1"),
        ("a.ts", "  async total(items: Item[]): number {"),
        ("a.ts", "  private total: number;"),
        ("a.ts", "export type total = number"),
        ("a.go", "func (c *Cart) total(items []Item) int {"),
        ("a.go", "type total struct {"),
        ("a.rs", "pub(crate) async fn total<T>(items: T) -> u8 {"),
        ("a.rs", "macro_rules! total {"),
        ("A.java", "    public static int total(List<Item> items) {"),
        ("A.java", "    Map<String, Integer> total(int a) {"),
        ("A.cs", "  protected override Task total() =>"),
        ("a.kt", "    override fun total(items: List<Item>): Int ="),
        ("a.rb", "  def self.total(items)"),
        ("a.php", "    public function total($items)"),
        ("a.c", "static int *total(struct item *items)"),
        ("a.c", "#define total(x) ((x) + 1)"),
        ("a.cpp", "int Cart::total(int a) {"),
        ("a.sh", "total=3"),
        ("a.sql", "CREATE TABLE total ("),
        ("a.swift", "  func total() -> Int {"),
        ("a.ex", "  defp total(items) do"),
    ],
)
def test_a_line_that_defines_a_name_is_known_by_its_language(path: str, line: str) -> None:
    assert defines(path, line, "total")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.js", "  return total(items)"),
        ("a.js", "  total(items);"),
        ("a.js", "describe('x', function total2() {"),
        ("a.js", "total('x', () => {"),
        ("a.ts", "// the class total is old"),
        ("a.go", "\tx := total(items)"),
        ("a.go", "\tgo total(items)"),
        ("a.c", "    if (total(items)) {"),
        ("a.c", "    x = total(items);"),
        ("A.java", "    return new Cart().total(items);"),
        ("A.java", "        return total(items,"),
        ("a.c", "    else total(items,"),
        ("A.java", "public class A extends total {"),
        ("a.rb", "# def total"),
        ("a.sh", "if [ $total == 3 ]; then"),
        ("a.md", "def total"),
        ("a.py", "subtotal = 3"),
    ],
)
def test_a_line_that_only_uses_a_name_is_not_called_a_definition(path: str, line: str) -> None:
    assert not defines(path, line, "total")


async def test_definitions_of_other_languages_are_found_in_the_whole_commit(make_desk: DeskMaker) -> None:
    desk = await make_desk(
        {
            "go/cart.go": "package shop\n\nfunc Total(a int) int {\n\treturn a\n}\n",
            "web/cart.ts": "import { Total } from './x'\nTotal(1)\n// Total is great\n",
        }
    )

    definition = await desk.read("find_definition", name="Total")
    uses = await desk.read("find_references", name="Total")

    assert definition.splitlines()[:3] == [
        "1 definition:",
        "go/cart.go, line 3 (definition):",
        "3| func Total(a int) int {",
    ]
    assert [line.partition("|")[0] for line in uses.splitlines()] == [
        "2 uses:",
        "web/cart.ts:1 (word)",
        "web/cart.ts:2 (word)",
    ]


async def test_a_name_with_a_dollar_is_a_name(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a.js": "const $el = 1\n", "a.php": "$el = 2;\n"})

    assert "a.js, line 1" in await desk.read("find_definition", name="$el")


async def test_what_is_no_name_is_refused(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a.py": "x = 1\n"})

    for name in (
        "",
        "a b",
        "a(",
        "--x",
        "(a+)+$",
        "a\nb",
        "../a",
        "1",
    ):
        assert "one name of code" in await desk.refusal("find_definition", name=name)
        assert "one name of code" in await desk.refusal("find_references", name=name)


async def test_a_name_that_is_nowhere_is_an_answer(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a.py": "x = 1\n"})

    assert await desk.read("find_definition", name="y") == "No definition found in the code of this commit."
    assert await desk.read("find_references", name="y") == "No use found in the code of this commit."


async def test_many_definitions_and_uses_are_told_up_to_the_limit(make_desk: DeskMaker) -> None:
    files = {f"m{number}.py": "def f(): pass\nf()\n" for number in range(9)}
    desk = (await make_desk(files)).limited(definitions_max=2, matches_max=3)

    assert (await desk.read("find_definition", name="f")).endswith(
        "and 7 more. Give a longer name, such as `Class.method`."
    )
    assert "… and 6 more" in await desk.read("find_references", name="f")


async def test_what_was_not_looked_at_is_said(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a.py": "f()\n", "b.py": "f()\n", "c.js": "f();" + "x" * 2_000_000})

    assert "2 uses in the part of the code that was looked at:" in await desk.read("find_references", name="f")
    assert "1 use in the part" in await desk.limited(files_max=1).read("find_references", name="f")
    assert "in the part" in await desk.limited(grep_lines_per_file_max=1).read("find_references", name="f")
    assert "1 use in the part" in await desk.limited(judged_lines_max=1).read("find_references", name="f")


async def test_a_name_within_a_secret_is_not_told(make_desk: DeskMaker) -> None:
    key = "ghp_" + "A1b2" * 9
    desk = await make_desk({"a.js": f"const a = '{key}'\nconst {key} = 1\n"})

    assert "No use" in await desk.read("find_references", name=key)
    assert "No definition" in await desk.read("find_definition", name=key)
