"""A name that is gone from one place and lives on in another is not gone."""

import pytest

from pipeline.review.living_names import look_for, may_keep_names
from pipeline.review.names import Change, ChangedName


def gone(name: str, kind: str) -> ChangedName:
    return ChangedName(name=name, kind=kind, change=Change.REMOVED, path="shop/cart.py", line=1)


def lives(path: str, content: str, name: str, kind: str) -> bool:
    return name in look_for([gone(name, kind)]).found_in(path, content.encode())


@pytest.mark.parametrize(
    ("path", "content", "is_alive"),
    [
        ("a.py", 'add("--dry-run")', True),
        ("a.py", '"""Pass "--dry-run" to it."""', False),
        ("a.py", 'add("--dry-run-only")', False),
        ("a.go", 'flag.Bool("dry-run", false, "usage")', True),
        ("a.go", '// flag.Bool("dry-run", false, "usage")', False),
        ("a.rs", '#[arg(long = "dry-run")]', True),
        ("a.ts", ".option('-n, --dry-run <x>')", True),
        ("run.sh", "  --dry-run) x=1 ;;", True),
        ("run.sh", "shop --dry-run", False),
    ],
)
def test_a_flag_lives_where_it_is_taken(path: str, content: str, *, is_alive: bool) -> None:
    assert lives(path, content, "--dry-run", "flag") is is_alive


@pytest.mark.parametrize(
    ("path", "content", "is_alive"),
    [
        ("a.ts", "const x = process.env.SHOP_TOKEN", True),
        ("a.ts", "// process.env.SHOP_TOKEN was read here", False),
        ("a.ts", "const x = process.env.SHOP_TOKENS", False),
        ("compose.yml", "  SHOP_TOKEN: x", True),
        ("compose.yml", "  # SHOP_TOKEN: x", False),
        ("a.py", "import os  # SHOP_TOKEN", False),
        ("a.py", 'os.environ["SHOP_TOKEN"]', True),
    ],
)
def test_a_variable_lives_where_it_is_read_or_set(path: str, content: str, *, is_alive: bool) -> None:
    assert lives(path, content, "SHOP_TOKEN", "variable") is is_alive


@pytest.mark.parametrize(
    ("content", "is_alive"),
    [("app.get('/api/cart', show)", True), ("path('api/cart', show)", True), ("app.get('/api/carts', show)", False)],
)
def test_a_route_lives_where_it_stands_in_quotes(content: str, *, is_alive: bool) -> None:
    assert lives("a.js", content, "/api/cart", "route") is is_alive


@pytest.mark.parametrize(
    ("path", "content", "is_alive"),
    [
        ("a.py", "def apply_discount(): ...", True),
        ("a.py", "from shop.prices import add, apply_discount", True),
        ("a.ts", "import { applied, apply_discount } from './prices'", True),
        ("a.py", "apply_discount = reduce", True),
        ("a.py", "apply_discount(3)", False),
        ("a.py", "def apply_discounts(): ...", False),
    ],
)
def test_a_function_lives_where_it_is_defined_or_comes_in(path: str, content: str, *, is_alive: bool) -> None:
    assert lives(path, content, "apply_discount", "function") is is_alive


def test_tests_and_documents_keep_nothing_alive() -> None:
    assert may_keep_names("shop/cart.py")
    assert may_keep_names("compose.yml")
    assert not may_keep_names("tests/test_cart.py")
    assert not may_keep_names("README.md")
    assert not may_keep_names("openapi.yaml")
