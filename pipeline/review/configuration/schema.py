"""Schema: the settings as JSON Schema, made from the model.

Promises one source for the reader, the editor's schema, the page of all settings and the words of a refusal. What a
JSON Schema cannot say (whether a pattern is one) only the reader judges.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from pipeline.review.configuration.model import Configuration
from pipeline.review.configuration.problem import Path

SCHEMA_ID: Final = "urn:onceover:schema:configuration:v1"
"""A name and not an address: the schema comes with the package."""

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]  # Any: JSON Schema is JSON.

_KINDS: Final = {"boolean": "`true` or `false`", "integer": "a whole number", "number": "a number", "string": "a text"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting, as a page tells it."""

    path: Path
    form: str
    default: str
    """As one writes it in the file."""
    meaning: str


class _WithoutTitles(GenerateJsonSchema):
    """Leave out titles: an editor would show `Inline Max` above the description."""

    def field_title_should_be_set(self, schema: object) -> bool:
        del schema
        return False


@cache
def _schema() -> Schema:
    made = Configuration.model_json_schema(schema_generator=_WithoutTitles)
    for definition in made["$defs"].values():
        definition.pop("title", None)
    made["title"] = "Onceover configuration (.github/onceover.yml)"
    return {"$schema": DIALECT, "$id": SCHEMA_ID} | made


def schema_text() -> str:
    """Write the JSON Schema as it is published: for editors, and for any validator of draft 2020-12."""
    return json.dumps(_schema(), indent=2, ensure_ascii=False) + "\n"


def settings() -> Iterator[Setting]:
    """Tell every setting, in the order of the model."""
    return _settings((), _schema())


def keys_at(path: Path) -> tuple[str, ...]:
    """Name the keys that may stand at a path; none if it is no mapping."""
    return tuple((_at(path) or {}).get("properties", {}))


def kind_at(path: Path) -> str:
    """Name the JSON type at a path; empty if there is no such setting."""
    return str((_at(path) or {}).get("type", ""))


def choices_at(path: Path) -> tuple[str, ...]:
    """Name the words that may stand at a path; none if any text may."""
    return tuple((_at(path) or {}).get("enum", ()))


def expected_at(path: Path) -> str:
    """Say in words what is expected at a path: `a whole number from 0 to 25`."""
    return _form(_at(path) or {})


def _at(path: Path) -> Schema | None:
    found: Schema | None = _schema()
    for part in path:
        if found is None:
            return None
        below = found.get("items") if isinstance(part, int) else found.get("properties", {}).get(part)
        found = _resolved(below) if below else None
    return found


def _resolved(schema: Schema) -> Schema:
    """Follow a reference; what stands beside it wins."""
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    return _schema()["$defs"][name] | schema if name else schema


def _settings(above: Path, schema: Schema) -> Iterator[Setting]:
    for name, below in schema["properties"].items():
        path, found = (*above, name), _resolved(below)
        if found.get("type") == "object":
            yield from _settings(path, found)
        else:
            default = json.dumps(found["default"], ensure_ascii=False)
            yield Setting(path=path, form=_form(found), default=default, meaning=found["description"])


def _form(schema: Schema) -> str:
    if "enum" in schema:
        *most, last = (f"`{word}`" for word in schema["enum"])
        return f"{', '.join(most)} or {last}"
    kind = schema.get("type")
    if kind == "object":
        return f"a mapping with the keys {', '.join(schema['properties'])}"
    if kind == "array":
        return f"a list of at most {schema['maxItems']} items, each {_form(_resolved(schema['items']))}"
    return _KINDS.get(str(kind), "something else") + _bounds(schema)


def _bounds(schema: Schema) -> str:
    if "minimum" in schema:
        return f" from {schema['minimum']:,} to {schema['maximum']:,}"
    if "maxLength" in schema:
        return f" of at most {schema['maxLength']:,} characters"
    return ""
