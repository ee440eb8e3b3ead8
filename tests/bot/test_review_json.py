"""The JSON of a review keeps what its schema promises."""

import json
import re
from pathlib import Path
from typing import Any  # Any: JSON values.

import jsonschema  # type: ignore[import-untyped]  # It ships no types, and its stubs are not among our dependencies.
import pytest

from bot.review_json import SCHEMA_FILE, Provenance, json_text, review_json, schema_text
from bot.run_view import StageView
from pipeline.engine.lifecycle import StageState
from pipeline.review.reports import Verdict
from tests.review.examples import examples

PROVENANCE = Provenance(run_id="r_7f3a", head="a" * 40, base="b" * 40, merge_base="c" * 40, resumed=True)
STAGES = (
    StageView(name="analyze", state=StageState.DONE, attempt=2, seconds=3.5, reused=True),
    StageView(name="test", state=StageState.FAILED, attempt=3, note="The disk is full."),
)
DOCS = Path(__file__).parents[2] / "docs" / "json.md"


def written(name: str) -> dict[str, Any]:
    text = json_text(review_json(examples()[name], PROVENANCE, STAGES, "# page\n"))
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_the_published_schema_is_that_of_the_models() -> None:
    """Write it anew with `python -m bot.review_json`; only ever add keys within a version."""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize("name", sorted(examples()))
def test_every_review_fits_the_published_schema(name: str) -> None:
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(written(name))


def test_a_reader_of_the_schema_does_not_stumble_over_new_keys() -> None:
    schema = json.loads(schema_text())

    jsonschema.Draft202012Validator(schema).validate(written("findings") | {"added_later": 1})


def test_findings_carry_the_fingerprint_that_names_them() -> None:
    summary = examples()["findings"]

    findings = written("findings")["findings"]

    assert [one["fingerprint"] for one in findings] == [finding.fingerprint for finding in summary.findings]
    assert findings[0]["path"] == "shop/export.py"


def test_stages_say_what_was_reused_and_why_one_failed() -> None:
    assert written("degraded")["stages"] == [
        {"name": "analyze", "state": "done", "attempts": 2, "seconds": 3.5, "reused": True, "reason": ""},
        {
            "name": "test",
            "state": "failed",
            "attempts": 3,
            "seconds": None,
            "reused": False,
            "reason": "The disk is full.",
        },
    ]


def test_the_output_is_ascii_so_that_no_terminal_obeys_it() -> None:
    text = json_text(review_json(examples()["hostile"], PROVENANCE, STAGES, "\u202e\x1b"))

    assert text.isascii()
    assert "\x1b" not in text


def test_the_page_of_documentation_names_every_key_and_every_verdict() -> None:
    told = set(re.findall(r"`(\w+)`", DOCS.read_text(encoding="utf-8")))
    schema = json.loads(schema_text())

    assert set(schema["properties"]) <= told
    assert set(Verdict) <= told
    assert {key for name in ("StageJson", "SpendJson") for key in schema["$defs"][name]["properties"]} <= told
