"""Documentation is called stale only when it surely is."""

from dataclasses import dataclass

import pytest

from pipeline.review.findings import Severity
from pipeline.review.mentions import stale_mentions
from pipeline.review.names import Change, ChangedName
from pipeline.review.reports import DocsFinding


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A section of a document."""

    path: str = "README.md"
    line: int = 1
    heading: str = ""
    text: str


def removed(name: str, kind: str = "function") -> ChangedName:
    return ChangedName(name=name, kind=kind, change=Change.REMOVED, path="shop/cart.py", line=7)


def renamed(name: str, new_name: str, kind: str = "function") -> ChangedName:
    return ChangedName(name=name, kind=kind, change=Change.RENAMED, path="shop/cart.py", line=7, new_name=new_name)


def changed(name: str, *hints: str) -> ChangedName:
    return ChangedName(
        name=name, kind="function", change=Change.CHANGED, path="shop/cart.py", line=7, detail="it differs", hints=hints
    )


def stale(text: str, name: ChangedName, path: str = "README.md", added: tuple[int, ...] = ()) -> list[int]:
    findings = stale_mentions([Text(path=path, text=text)], [name], {path: frozenset(added)} if added else {})
    return [finding.line for finding in findings]


@pytest.mark.parametrize(
    ("text", "name", "is_stale"),
    [
        ("call apply_discount here", removed("apply_discount"), True),
        ("call apply_discounts here", removed("apply_discount"), False),
        ("call my_apply_discount here", removed("apply_discount"), False),
        ("call shop.cart.apply_discount(1)", removed("apply_discount"), True),
        ("apply the discount", removed("apply_discount"), False),
        ("the Basket is full", removed("Basket", "class"), False),
        ("the `Basket` is full", removed("Basket", "class"), True),
        ("`shop.Basket(1)`", removed("Basket", "class"), True),
        ("basket() it", removed("basket"), True),
        ("a basket of things", removed("basket"), False),
        ("use `update()` now", removed("update"), False),
        ("use `Update()` now", removed("Update", "class"), False),
        ("`buy`", removed("buy"), False),
        ("parseCart does it", removed("parseCart"), True),
        ("set --retry-max to 3", removed("--retry-max", "flag"), True),
        ("set --retry-max-age to 3", removed("--retry-max", "flag"), False),
        ("set SHOP_TOKEN", removed("SHOP_TOKEN", "variable"), True),
        ("set SHOP_TOKEN_FILE", removed("SHOP_TOKEN", "variable"), False),
        ("GET /api/cart now", removed("/api/cart", "route"), True),
        ("GET /api/cart/items", removed("/api/cart", "route"), False),
        ("apply_discount was removed in 2.0", removed("apply_discount"), False),
        ("formerly apply_discount", removed("apply_discount"), False),
        ("apply_discount(cart, rate=3)", changed("apply_discount", "rate"), True),
        ("apply_discount(cart, ratio=3)", changed("apply_discount", "rate"), False),
        ("apply_discount\n\nby a `rate`", changed("apply_discount", "rate"), True),
        ("apply_discount" + "\n" * 9 + "by a `rate`", changed("apply_discount", "rate"), False),
        ("apply_discount(cart)", changed("apply_discount", "apply_discount("), True),
        ("see apply_discount", changed("apply_discount", ""), True),
        ("waits wait_seconds, 30 by default", changed("wait_seconds", "30"), True),
        ("waits wait_seconds, 30.5 by default", changed("wait_seconds", "3"), False),
    ],
)  # fmt: skip
def test_a_mention_is_stale_or_not(text: str, name: ChangedName, *, is_stale: bool) -> None:
    assert bool(stale(text, name)) is is_stale


@pytest.mark.parametrize("path", ["CHANGELOG.md", "docs/adr/0001-cart.md", "docs/releases/2.0.md", "docs/migrating.md"])
def test_documents_of_the_past_may_name_what_was(path: str) -> None:
    assert stale("call apply_discount", removed("apply_discount"), path=path) == []


def test_a_line_that_the_diff_added_knows_the_change() -> None:
    assert stale("apply_discount\napply_discount", removed("apply_discount"), added=(1,)) == [2]


def test_one_finding_tells_all_lines_of_a_document() -> None:
    sections = [Text(line=3, text="apply_discount"), Text(line=9, text="\n".join(["apply_discount"] * 8))]

    (finding,) = stale_mentions(sections, [renamed("apply_discount", "discount_by")], {})

    assert finding == DocsFinding(
        path="README.md",
        line=3,
        line_end=3,
        severity=Severity.MEDIUM,
        category="docs",
        title="Documentation still describes `apply_discount` as it was",
        claim="The function `apply_discount` is named `discount_by` now (`shop/cart.py:7`). "
        "This document still tells the old way on lines 3, 9, 10, 11, 12 and 4 more and was not changed with it.",
        source="docs",
        confidence=0.9,
        suggestion="discount_by",
        sentence="apply_discount",
        changed="apply_discount",
        kind="function",
        change="renamed",
    )


def test_a_docstring_of_the_changed_thing_itself_is_looked_at() -> None:
    docstring = Text(
        path="shop/cart.py", line=8, heading="Cart.pay_out", text='"""Pay out.\n\nWaits 30 s by default.\n"""'
    )

    (finding,) = stale_mentions([docstring], [changed("pay_out", "30")], {})

    assert (finding.line, finding.severity) == (10, Severity.LOW)


def test_hostile_paths_and_lines_are_made_visible() -> None:
    section = Text(path="a\x1b\udc80.md", text="apply_discount \u202e")

    (finding,) = stale_mentions([section], [renamed("apply_discount", "discount_by")], {})

    assert (finding.path, finding.suggestion) == ("a<U+001B><U+DC80>.md", None)


@pytest.mark.parametrize(
    ("text", "is_stale"),
    [
        ("shop.SSLContext()", True),
        ("`SSLContext`", True),
        ("<ssl.SSLContext object>", False),
        ("a.ssl.SSLContext", True),
    ],
)
def test_a_name_of_python_s_own_library_is_another(text: str, *, is_stale: bool) -> None:
    assert bool(stale(text, removed("SSLContext"))) is is_stale


@pytest.mark.parametrize(
    ("text", "is_stale"),
    [
        ("`pay_out(cart, wait=True)` pays.", True),
        ("`pay_out(cart)` is True to its word.", False),
        ("`pay_out` has a default of True.", True),
        ("`pay_out` pays.\nTo show the default, use True.", False),
    ],
)
def test_an_old_default_that_is_a_common_word_counts_beside_its_parameter(text: str, *, is_stale: bool) -> None:
    name = ChangedName(
        name="pay_out",
        kind="function",
        change=Change.CHANGED,
        path="shop/cart.py",
        line=7,
        hints=("True",),
        subjects=("wait",),
    )

    assert bool(stale(text, name)) is is_stale


def test_a_method_that_everything_has_is_not_looked_for_by_its_calls() -> None:
    assert stale("Call `invoke(it)`.", changed("invoke", "invoke(")) == []
    assert stale("Call `pay_out(it)`.", changed("pay_out", "pay_out(")) == [1]


@pytest.mark.parametrize("name", ["LC_ALL", "HTTPS_PROXY", "NO_COLOR", "XDG_STATE_HOME"])
def test_a_variable_of_the_system_is_nobody_s_to_take_away(name: str) -> None:
    gone = ChangedName(name=name, kind="variable", change=Change.REMOVED, path="a.py", line=1)

    assert stale(f"Set `{name}`.", gone) == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("| `pay_out` | 30 s |\n| `other` | 30 s |", [1]),
        ("| `pay_out` | 20 s |\n| `other` | 300 s |", []),
        ("- `pay_out` waits\n  300 s\n- `other` waits 300 s", [2]),
        ("- `pay_out` waits\n- `other` waits 300 s", []),
        ("### `pay_out`\n\nWaits 300 s.", [3]),
    ],
)
def test_an_old_default_counts_in_the_same_row_item_or_paragraph(text: str, lines: list[int]) -> None:
    assert stale(text, changed("pay_out", "300" if "300" in text else "30 s")) == lines


@pytest.mark.parametrize(
    ("text", "is_stale"),
    [
        ("pip install --dry-run-only x", False),
        ("$ git commit --dry-run-only", False),
        ("git add . && shop --dry-run-only", True),
        ("| git push | shop --dry-run-only |", True),
        ("uv run shop --dry-run-only", True),
        ("docker compose run shop --dry-run-only", True),
    ],
)
def test_a_flag_of_another_program_on_the_line_is_another(text: str, *, is_stale: bool) -> None:
    gone = ChangedName(name="--dry-run-only", kind="flag", change=Change.REMOVED, path="a.py", line=1)

    assert bool(stale(text, gone)) is is_stale


def test_case_43_lines_made_to_keep_the_rules_busy_are_soon_done() -> None:
    gone = ChangedName(name="--dry-run-only", kind="flag", change=Change.REMOVED, path="a.py", line=1)
    line = "git " * 490 + "| --dry-run-only"

    assert len(stale("\n".join([line] * 3_000), gone)) == 1


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("| `GET /cart/{id}` | reads |", "| `GET /basket/{id}` | reads |"),
        ("Ask `/cart/<int:id>`.", "Ask `/basket/<int:id>`."),
        ("Ask `/cart/:key`.", "Ask `/basket/:key`."),
    ],
)
def test_a_route_is_suggested_in_the_document_s_own_notation(text: str, suggestion: str) -> None:
    route = ChangedName(
        name="/cart/:id", kind="route", change=Change.RENAMED, path="app.ts", line=1, new_name="/basket/:id"
    )

    (finding,) = stale_mentions([Text(text=text)], [route], {})

    assert finding.suggestion == suggestion
