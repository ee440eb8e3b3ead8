"""What is published agrees with the model: the schema, the page of all settings, the example."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # It ships no types, and its stubs are not among our dependencies.
import pydantic
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.review.configuration.model import INLINE_MAX, Configuration
from pipeline.review.configuration.reading import read_configuration
from pipeline.review.configuration.schema import SCHEMA_ID, schema_text, settings
from pipeline.review.findings import Severity
from pipeline.services.analyzers.toolbox import TOOLS
from tests.review.configuration.builders import configured, read, told
from tests.review.configuration.published import EXAMPLE, PAGE, SCHEMA, published


def schema() -> dict[str, Any]:  # Any: JSON Schema is JSON.
    parsed: dict[str, Any] = json.loads(schema_text())
    return parsed


@pytest.mark.parametrize("path", published(), ids=lambda path: path.name)
def test_a_published_file_is_up_to_date(path: Path) -> None:
    """Write them anew with `python -m tests.review.configuration.published`, and read them."""
    assert path.read_text(encoding="utf-8") == published()[path]


def test_the_schema_is_one_and_has_a_name_of_the_projects_own() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())

    assert schema()["$id"] == SCHEMA_ID == "urn:onceover:schema:configuration:v1"
    assert "http://" not in schema_text().replace("http://json-schema.org", "")


def test_every_setting_has_a_default_and_one_line_that_says_what_it_is_for() -> None:
    found = list(settings())

    assert len(found) > 40
    assert [one.path for one in found if not re.fullmatch(r"[`A-Z][^\n]+[^.]\.", one.meaning)] == []
    assert [one.path for one in found if "something else" in one.form] == []
    assert [one for one in [schema(), *schema()["$defs"].values()] if "required" in one] == []


def test_every_mapping_refuses_keys_that_it_does_not_know() -> None:
    mappings = [schema(), *schema()["$defs"].values()]

    assert [one for one in mappings if one.get("type") == "object" and one["additionalProperties"] is not False] == []


def test_every_number_says_its_unit_or_that_it_is_a_limit() -> None:
    numbers = [one.path[-1] for one in settings() if "number" in one.form]

    assert [name for name in numbers if not str(name).endswith("_max")] == []


def test_the_defaults_are_what_the_schema_says() -> None:
    found = "\n".join(f"{setting.path[0]}: {setting.default}" for setting in settings() if len(setting.path) == 1)

    assert configured(found) == Configuration()


def test_the_example_is_valid_for_the_reader_and_for_an_editor() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    first = text.split("\n")[0]

    assert read(text).problems == ()
    assert read(text).notes == ()
    assert read(text).configuration != Configuration()
    jsonschema.Draft202012Validator(schema()).validate(yaml.safe_load(text))
    assert (EXAMPLE.parent / first.removeprefix("# yaml-language-server: $schema=")).resolve() == SCHEMA


def test_the_page_shows_a_problem_as_the_command_tells_it() -> None:
    [problem] = told("# Our rules\nreview:\n  fail_on: hihg\n")

    assert problem.split(" ", 1)[1] in " ".join(PAGE.read_text(encoding="utf-8").split())


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 70_000)
    | st.sampled_from(["high", "ruff", "checks", "main", "", "a/b"]),
    lambda below: st.lists(below, max_size=3),
    max_leaves=4,
)


@given(st.sampled_from([setting.path for setting in settings()]), VALUES)
def test_what_the_schema_refuses_the_reader_refuses(path: tuple[str, ...], value: object) -> None:
    """Not the other way round: only the reader knows whether a pattern is one. A key without a value is not written."""
    document: object = value
    for name in reversed(path):
        document = {name: document}

    problems = read_configuration(json.dumps(document).encode()).problems

    if not jsonschema.Draft202012Validator(schema()).is_valid(document) and value is not None:
        assert problems


def test_nobody_changes_a_configuration_that_was_read() -> None:
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        Configuration().filters.drafts = True  # type: ignore[misc]  # That is what is tried.


def test_every_analyser_that_there_is_can_be_chosen() -> None:
    assert Configuration().review.analyzers == tuple(TOOLS)


def test_the_words_for_severities_are_those_of_findings() -> None:
    for severity in Severity:
        found = configured(f"review: {{fail_on: {severity}, severity_min: {severity}}}").review
        assert (found.fail_on, found.severity_min) == (severity, severity)
    assert configured("review: {fail_on: never}").review.fail_on == "never"


def test_no_repository_gets_more_inline_comments_than_a_review_may_have() -> None:
    assert INLINE_MAX == 25
    assert told(f"review: {{inline_max: {INLINE_MAX + 1}}}")
