"""Places in traces, and which of them the change has touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.review.failures import PLACES_MAX, TIES_MAX, Place, places, tie
from pipeline.review.reports import TiedLine


@pytest.mark.parametrize(
    ("trace", "path", "line"),
    [
        ('  File "/home/runner/work/shop/shop/src/cart.py", line 3, in total', "src/cart.py", 3),
        ("tests/test_cart.py:12: AssertionError", "tests/test_cart.py", 12),
        ("    at total (/home/runner/work/shop/shop/src/cart.js:3:5)", "src/cart.js", 3),
        ("    at file:///github/workspace/src/cart.mjs:3:5", "src/cart.mjs", 3),
        ("    cart_test.go:12: got 2, want 3", "cart_test.go", 12),
        ("\tat shop.cart.Cart.total(Cart.java:12)", "shop/cart/Cart.java", 12),
        ("\tat app//shop.cart.CartKt.total(Cart.kt:7)", "shop/cart/Cart.kt", 7),
        ("thread 'main' panicked at src/lib.rs:4:5:", "src/lib.rs", 4),
        ("  --> src/lib.rs:4:5", "src/lib.rs", 4),
        ("   at Shop.Cart.Total() in D:\\a\\shop\\shop\\src\\Cart.cs:line 12", "src/Cart.cs", 12),
        ("src/cart.ts(12,5): error TS2322: Type", "src/cart.ts", 12),
        ("    ./lib/cart.rb:9:in `total'", "lib/cart.rb", 9),
        ("/build/src/cart.c:40: warning", "src/cart.c", 40),
    ],
)
def test_a_trace_names_its_place_in_the_form_of_its_language(trace: str, path: str, line: int) -> None:
    assert places(f"before\n{trace}\nafter") == (Place(path=path, line=line),)


@pytest.mark.parametrize(
    "text",
    [
        '  File "/usr/lib/python3.11/unittest/case.py", line 12',
        "    at Module._compile (node:internal/modules/cjs/loader.js:1105:14)",
        "/home/runner/work/shop/shop/node_modules/jest/index.js:3:5",
        "/opt/hostedtoolcache/Python/3.11/x64/lib/python3.11/site-packages/pluggy/_hooks.py:501",
        "12:30:11 took 0.5s, ratio 3:4",
        "a\u202ecart.py:3",
    ],
)
def test_libraries_times_and_hidden_characters_are_no_places(text: str) -> None:
    assert places(text) == ()


@pytest.mark.parametrize(
    ("place", "tied"),
    [
        (Place(path="src/cart.py", line=3), TiedLine(path="src/cart.py", line=3, changed=True)),
        (Place(path="src/cart.py", line=4), TiedLine(path="src/cart.py", line=4, changed=False)),
        (Place(path="/somewhere/ci/src/cart.py", line=3), TiedLine(path="src/cart.py", line=3, changed=True)),
        (Place(path="cart.py", line=3), TiedLine(path="src/cart.py", line=3, changed=True)),
        (Place(path="cart_test.go", line=1), None),  # Two changed files have this name.
        (Place(path="/elsewhere/setup.py", line=1), None),  # Anybody's.
        (Place(path="../cart.py", line=3), None),
        (Place(path="other.py", line=3), None),
    ],
)
def test_a_place_is_tied_only_to_the_changed_file_that_it_can_mean(place: Place, tied: TiedLine | None) -> None:
    changed = {"src/cart.py": [3], "a/cart_test.go": [1], "b/cart_test.go": [1], "setup.py": [1]}

    assert tie([place], changed) == ((tied,) if tied else ())


def test_changed_lines_come_first_and_few_are_told() -> None:
    found = [Place(path="a.py", line=line) for line in range(1, 50)]

    tied = tie(found, {"a.py": [40]})

    assert (tied[0], len(tied)) == (TiedLine(path="a.py", line=40, changed=True), TIES_MAX)


@given(st.text())
def test_any_text_is_looked_through(text: str) -> None:
    assert len(places(text)) <= PLACES_MAX


@pytest.mark.parametrize("part", ["a.", "a/", ' File "', " in ", "at a.", "(1,", "C:", "x.py:1 ", "./" * 3])
def test_hostile_text_is_looked_through_in_time(part: str) -> None:
    """Security case 43; were the time to grow with the square of the length, this would take minutes."""
    assert len(places(part * (200_000 // len(part)))) <= PLACES_MAX
