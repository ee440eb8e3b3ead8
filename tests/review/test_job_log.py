"""The end of a CI job's log: made safe, cut where it failed, and asked for the failed tests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.review.job_log import EXCERPT_CHARACTERS_MAX, FAILED_MAX, failed_tests, read_log
from pipeline.review.reports import FailedTest

STAMP = "2026-11-23T21:44:33.1234567Z "


def log(*lines: str) -> bytes:
    return "".join(f"{STAMP}{line}\n" for line in lines).encode()


def test_the_excerpt_ends_where_the_step_failed_and_not_with_the_clean_up_of_others() -> None:
    tail = log("##[group]Run make", "\x1b[31mboom\x1b[0m", "##[error]Process completed with exit code 2.", "Post job")

    assert read_log(tail, is_cut=False).excerpt == "Run make\nboom\nProcess completed with exit code 2."


def test_a_log_of_another_ci_is_told_by_its_end() -> None:
    assert read_log(b"one\ntwo\n", is_cut=False).excerpt == "one\ntwo"


def test_the_first_line_of_a_cut_log_is_dropped_for_it_may_be_half_a_secret() -> None:
    """Security case 109: what is left of a token has no form by which it could be known."""
    assert read_log(b"c4n4ryc4n4ry\nnext", is_cut=True).excerpt == "next"


def test_a_secret_is_replaced_before_anything_is_cut() -> None:
    canary = "ghp_" + "c4n4ry" * 6
    told = read_log(log("x" * EXCERPT_CHARACTERS_MAX, f"token={canary}"), is_cut=False)

    assert "c4n4ry" not in told.text
    assert "<secret:github-token:medium>" in told.excerpt


@pytest.mark.parametrize(
    ("line", "test"),
    [
        (
            "FAILED tests/test_a.py::TestB::test_c[1-2] - assert 1 == 2",
            FailedTest(name="tests/test_a.py::TestB::test_c[1-2]", message="assert 1 == 2", path="tests/test_a.py"),
        ),
        ("ERROR tests/test_a.py", FailedTest(name="tests/test_a.py", path="tests/test_a.py")),
        ("FAIL: test_c (shop.tests.CartTest.test_c)", FailedTest(name="test_c (shop.tests.CartTest.test_c)")),
        ("    --- FAIL: TestCart/empty (0.00s)", FailedTest(name="TestCart/empty")),
        ("test cart::tests::total ... FAILED", FailedTest(name="cart::tests::total")),
        ("  ● cart › adds up", FailedTest(name="cart › adds up")),  # noqa: RUF001 - Jest writes this mark.
        (
            " FAIL  src/cart.test.ts > cart > adds up",
            FailedTest(name="src/cart.test.ts > cart > adds up", path="src/cart.test.ts"),
        ),
        (
            "[ERROR]   CartTest.total:12 expected:<1> but was:<2>",
            FailedTest(name="CartTest.total", message="expected:<1> but was:<2>"),
        ),
        ("  Failed Shop.Tests.Total [3 ms]", FailedTest(name="Shop.Tests.Total")),
        (
            "rspec ./spec/cart_spec.rb:9 # Cart adds up",
            FailedTest(name="Cart adds up", path="spec/cart_spec.rb", line=9),
        ),
    ],
)
def test_failed_tests_are_found_in_the_words_of_their_runner(line: str, test: FailedTest) -> None:
    assert failed_tests(f"before\n{line}\nafter") == (test,)


def test_a_test_is_named_once_and_a_flood_is_cut() -> None:
    assert len(failed_tests("FAILED a.py::b\n" * 3)) == 1
    assert len(failed_tests("".join(f"FAILED a.py::b{number}\n" for number in range(500)))) == FAILED_MAX


@given(st.binary(), st.booleans())
def test_any_bytes_are_read(tail: bytes, is_cut: bool) -> None:  # noqa: FBT001 - drawn.
    told = read_log(tail, is_cut=is_cut)

    assert len(told.excerpt) <= EXCERPT_CHARACTERS_MAX
    told.excerpt.encode()
