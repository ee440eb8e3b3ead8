"""JUnit XML is read as a claim: any bytes, within bounds, nothing hidden."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.review.junit import (
    CASES_MAX,
    FAILED_MAX,
    JUNIT_BYTES_MAX,
    MESSAGE_CHARACTERS_MAX,
    Tally,
    Unreadable,
    parse_junit,
)
from pipeline.review.reports import FailedTest

PYTEST = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="0" failures="1" skipped="1" tests="3" time="0.021">
<testcase classname="tests.test_cart" name="test_total" time="0.001" />
<testcase classname="tests.test_cart.TestDiscount" name="test_half[10-5]" time="0.001"><failure
message="assert 4 == 5&#10; +  where 4 = half(10)">def test_half():
&gt;       assert half(10) == 5
E       assert 4 == 5

tests/test_cart.py:12: AssertionError</failure></testcase>
<testcase classname="tests.test_cart" name="test_later" time="0.0"><skipped type="pytest.skip" /></testcase>
</testsuite></testsuites>"""


def read(content: bytes) -> Tally:
    tally = parse_junit(content)
    assert isinstance(tally, Tally), tally
    return tally


def refused(content: bytes) -> str:
    unreadable = parse_junit(content)
    assert isinstance(unreadable, Unreadable)
    return unreadable.why


def suite(cases: str) -> bytes:
    return f"<testsuite>{cases}</testsuite>".encode()


def test_a_report_of_pytest_is_counted_and_its_failure_has_name_words_and_place() -> None:
    tally = read(PYTEST)

    assert (tally.ran, tally.failed, tally.skipped) == (2, 1, 1)
    assert tally.failures == (
        FailedTest(
            name="tests.test_cart.TestDiscount::test_half[10-5]",
            message="assert 4 == 5\n +  where 4 = half(10)",
            path="tests/test_cart.py",
            line=12,
        ),
    )


@pytest.mark.parametrize(
    ("cases", "ran", "failed", "skipped"),
    [
        ("", 0, 0, 0),
        ("<testcase/>", 1, 0, 0),
        ("<testcase><failure/></testcase>", 1, 1, 0),
        ("<testcase><error/></testcase>", 1, 1, 0),
        ("<testcase><failure/><error/></testcase>", 1, 1, 0),
        ("<testcase><skipped/></testcase>", 0, 0, 1),
        ("<testcase><skipped/><error/></testcase>", 1, 1, 0),
        ("<testcase><failure/><skipped/></testcase>", 1, 1, 0),
        ("<testcase><flakyFailure/></testcase>", 1, 0, 0),
        ("<failure/><testcase/>", 1, 0, 0),
        ("<testsuite><testcase/></testsuite><testcase/>", 2, 0, 0),
    ],
)
def test_a_case_is_passed_failed_or_skipped(cases: str, ran: int, failed: int, skipped: int) -> None:
    for content in (
        suite(cases),
        f"<testsuites>{cases}</testsuites>".encode(),
        f'<testsuite xmlns="urn:x">{cases}</testsuite>'.encode(),
    ):
        tally = read(content)

        assert (tally.ran, tally.failed, tally.skipped) == (ran, failed, skipped)


@pytest.mark.parametrize(
    ("attributes", "text", "path", "line"),
    [
        ('file="tests/test_a.py" line="7"', "tests/test_b.py:9: no", "tests/test_a.py", 7),
        ('file="tests/test_a.py"', "", "tests/test_a.py", None),
        ('file="tests/test_a.py" line="-1"', "", "tests/test_a.py", None),
        ('file="a.py" line="99999999999"', "", "a.py", None),
        ('file="../../etc/passwd" line="1"', "", None, None),
        ('file="/etc/passwd" line="1"', "", None, None),
        ('file="a&#10;b.py" line="1"', "", None, None),
        ("", "lib/a.py:3: in call\nx\ntests/test_b.py:9: Error", "tests/test_b.py", 9),
        ("", "/usr/lib/python/a.py:3: Error", None, None),
        ("", "no place at all", None, None),
    ],
)
def test_a_failure_has_a_place_only_inside_the_tree(
    attributes: str, text: str, path: str | None, line: int | None
) -> None:
    (failure,) = read(suite(f'<testcase name="t" {attributes}><failure>{text}</failure></testcase>')).failures

    assert (failure.path, failure.line) == (path, line)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"not xml", "no well-formed XML"),
        (b"<testsuite>", "no well-formed XML"),
        (b"\x1f\x8b\x08\x00gzip", "no well-formed XML"),
        (b"<html/>", "its root is <html>"),
        (b'<?xml version="1.0" encoding="no-such-code"?><testsuite/>', "no well-formed XML"),
        (b'<!DOCTYPE r SYSTEM "file:///etc/passwd"><testsuite/>', "DTD"),
        (b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&x;"/></testsuite>', "DTD"),
        (b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><testsuite name="&b;"/>', "DTD"),
        (b"x" * (JUNIT_BYTES_MAX + 1), "more than the 16,000,000"),
    ],
)
def test_what_is_no_report_is_refused_with_the_reason(content: bytes, why: str) -> None:
    """Security case 74: XXE, billion laughs and a flood of bytes."""
    assert why in refused(content)


@pytest.mark.parametrize(
    ("declaration", "name", "code", "shown"),
    [
        ("", "a\x00b\x1b[31m", "utf-8", "a?b?[31m"),
        ("", "a&#27;&#x1b;&#0;b&#65;", "utf-8", "a???bA"),
        ("", "café", "latin-1", "caf\ufffd"),
        ('<?xml version="1.0" encoding="latin-1"?>', "café", "latin-1", "café"),
        ("", "a\u202eb", "utf-8", "a<U+202E>b"),
        ('<?xml version="1.0" encoding="utf-16"?>', "ü", "utf-16", "ü"),
        ("", "with a mark", "utf-8-sig", "with a mark"),
    ],
)
def test_hostile_bytes_are_read_and_made_visible(declaration: str, name: str, code: str, shown: str) -> None:
    content = f'{declaration}<testsuite><testcase name="{name}"><failure/></testcase></testsuite>'

    (failure,) = read(content.encode(code)).failures

    assert failure.name == shown


def test_a_flood_of_cases_is_cut_and_says_so() -> None:
    tally = read(suite("<testcase><failure/></testcase>" * (CASES_MAX + 5)))

    assert (tally.ran, tally.is_cut, len(tally.failures)) == (CASES_MAX, True, FAILED_MAX)


def test_long_messages_are_cut_to_their_first_lines() -> None:
    text = "\n\nfirst\n" + "\n".join(["x" * 1_000] * 100)
    (failure,) = read(suite(f"<testcase><failure>{text}</failure></testcase>")).failures

    assert failure.message.startswith("first\nxxx")
    assert len(failure.message) == MESSAGE_CHARACTERS_MAX


@pytest.mark.parametrize(
    ("case", "ran", "failed", "flaky"),
    [
        ('<flakyFailure message="once"><stackTrace>at shop.Cart(Cart.java:3)</stackTrace></flakyFailure>', 1, 0, 1),
        ('<flakyError type="E">once</flakyError><flakyFailure>twice</flakyFailure>', 1, 0, 1),
        ('<failure message="no"/><rerunFailure message="no again"/><rerunError/>', 1, 1, 0),
        ("<flakyFailure>first</flakyFailure><failure>last</failure>", 1, 1, 0),
    ],
)
def test_what_passed_only_when_run_again_is_flaky(case: str, ran: int, failed: int, flaky: int) -> None:
    tally = read(f'<testsuite><testcase name="a">{case}</testcase></testsuite>'.encode())

    assert (tally.ran, tally.failed, tally.flaky) == (ran, failed, flaky)
    assert (len(tally.failures), len(tally.flaky_tests)) == (failed, flaky)


def test_a_flaky_test_is_told_with_what_it_said_when_it_failed() -> None:
    tally = read(b'<testsuite><testcase classname="C" name="a"><flakyFailure message="1 != 2"/></testcase></testsuite>')

    assert tally.flaky_tests == (FailedTest(name="C::a", message="1 != 2"),)


def test_suites_within_suites_are_counted() -> None:
    case = '<testcase name="a"/>'
    nested = f"<testsuites>{case}<testsuite>{case}<testsuite>{case}</testsuite></testsuite></testsuites>"

    assert read(nested.encode()).ran == 3


@pytest.mark.parametrize("name", ["](http://evil)", "<img src=x>", "\u202etset", "a" * 10_000, "@everyone", "`x`"])
def test_hostile_names_of_tests_are_plain_text_of_bounded_length(name: str) -> None:
    """Security case 53; what they look like in Markdown is the page's part."""
    written = name.replace("<", "&lt;")
    tally = read(f'<testsuite><testcase name="{written}"><failure/></testcase></testsuite>'.encode())

    [failed] = tally.failures
    assert len(failed.name) <= 300
    assert "\u202e" not in failed.name


def test_elements_nested_without_end_are_refused() -> None:
    """Security case 74."""
    content = b"<testsuite>" + b"<a>" * 300_000 + b"</a>" * 300_000 + b"</testsuite>"

    assert refused(content) == "its elements are nested more than 100 deep"


def test_reports_add_up() -> None:
    assert read(PYTEST) + read(PYTEST) == Tally(ran=4, failed=2, skipped=2, failures=read(PYTEST).failures * 2)


@settings(deadline=None)
@given(st.one_of(st.binary(), st.text().map(suite), st.text().map(str.encode)))
@example(b"<testsuite><testcase \xff=''/></testsuite>")
def test_no_bytes_crash_the_reader(content: bytes) -> None:
    assert isinstance(parse_junit(content), Tally | Unreadable)
