"""SARIF of other tools becomes remarks, whatever stands in it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.services.analyzers import sarif
from pipeline.services.analyzers.remark import Remark
from pipeline.services.analyzers.sarif import SarifUnreadable, read_sarif


def log(*results: dict[str, Any], rules: list[dict[str, Any]] | None = None, name: str = "semgrep") -> bytes:
    tool = {"driver": {"name": name, "rules": rules or []}}
    return json.dumps({"version": "2.1.0", "runs": [{"tool": tool, "results": list(results)}]}).encode()


def result(uri: str = "shop/a.py", line: int = 3, **more: object) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}
    return {
        "ruleId": "sql",
        "message": {"text": "Input in a query."},
        "locations": [{"physicalLocation": place}],
    } | more


def only(content: bytes, root: str = "") -> Remark:
    (remark,) = read_sarif(content, root=root).remarks
    return remark


def test_a_result_becomes_a_remark_with_the_rules_words_and_page() -> None:
    rule = {"id": "sql", "shortDescription": {"text": "SQL from input"}, "helpUri": "https://example.org/sql"}

    remark = only(log(result(level="error"), rules=[rule]))

    assert (remark.path, remark.line, remark.line_end) == ("shop/a.py", 3, 3)
    assert (remark.level, remark.category, remark.tool, remark.rule) == ("high", "bug", "semgrep", "sql")
    assert remark.title == "SQL from input"
    assert remark.message == "Input in a query. https://example.org/sql"


def test_a_rule_may_be_named_by_its_number_alone_and_a_number_that_is_none_is_no_error() -> None:
    by_number = result(ruleIndex=0)
    nowhere = result(ruleIndex=7)
    del by_number["ruleId"], nowhere["ruleId"]

    first, second = read_sarif(log(by_number, nowhere, rules=[{"id": "sql"}])).remarks

    assert (first.rule, second.rule) == ("sql", "unnamed")


def test_a_security_severity_makes_it_security_and_from_nine_on_critical() -> None:
    rule = {"id": "sql", "properties": {"security-severity": "9.1"}}

    remark = only(log(result(), rules=[rule]))

    assert (remark.category, remark.level) == ("security", "critical")


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("shop/a%20b.py", "shop/a b.py"),
        ("file:///src/shop/shop/a.py", "shop/a.py"),
        ("/src/shop/shop/a.py", "shop/a.py"),
        ("./shop/a.py", "shop/a.py"),
        ("../outside.py", None),
        ("shop/../../outside.py", None),
        ("file:///etc/passwd", None),
        ("https://example.org/a.py", None),
        ("http://[", None),
        ("", None),
    ],
)
def test_a_place_is_a_file_of_the_repository_or_left_out_and_counted(uri: str, path: str | None) -> None:
    answer = read_sarif(log(result(uri)), root="/src/shop")

    assert [one.path for one in answer.remarks] == ([path] if path else [])
    assert bool(answer.unread) == (path is None)


@pytest.mark.parametrize(
    "more", [{"kind": "pass"}, {"suppressions": [{"kind": "inSource"}]}, {"baselineState": "absent"}]
)
def test_what_the_tool_itself_does_not_hold_against_the_code_is_left_out(more: dict[str, Any]) -> None:
    assert read_sarif(log(result() | more)).remarks == ()


def test_of_too_many_the_worst_are_taken_and_the_rest_is_counted() -> None:
    mild = [result(line=number, level="note") for number in range(1, sarif.REMARKS_MAX + 1)]

    answer = read_sarif(log(*mild, result(line=9_999, level="error")))

    assert len(answer.remarks) == sarif.REMARKS_MAX
    assert answer.remarks[0].line == 9_999
    assert "1 remark beyond" in answer.unread[0].why


def test_hostile_words_are_visible_short_and_on_one_line() -> None:
    remark = only(log(result(message={"text": "a\u202e\n" + "b" * 5_000}), name="<script>\n@everyone" * 9))

    assert "\u202e" not in remark.message
    assert "\n" not in remark.message
    assert len(remark.message) <= 1_010
    assert set(remark.tool) <= set("abcdefghijklmnopqrstuvwxyz-")
    assert len(remark.tool) <= sarif.NAME_CHARACTERS_MAX


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"runs": 3}', b'{"runs": [{"results": [{"locations": 1}]}]}'])
def test_what_is_no_sarif_is_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(SarifUnreadable, match=r"no SARIF 2\.1\.0"):
        read_sarif(content)


def test_a_file_beyond_the_limit_is_not_read() -> None:
    with pytest.raises(SarifUnreadable, match="20,000,001 bytes, the limit is 20,000,000"):
        read_sarif(b" " * (sarif.BYTES_MAX + 1))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["ruleId", "ruleIndex", "level", "message", "locations", "kind"]), JSON))
def test_any_result_is_read_or_refused(made: dict[str, Any]) -> None:
    try:
        remarks = read_sarif(log(made)).remarks
    except SarifUnreadable:
        return

    assert all(one.line >= 1 and one.path for one in remarks)
