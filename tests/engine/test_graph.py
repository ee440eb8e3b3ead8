"""A graph says what may run before what; a wrong one does not start, and its wire form keeps what scripts need."""

import json

import pytest

from pipeline.engine.errors import Bug
from pipeline.engine.graph import STAGES_MAX, Graph, StageSpec
from pipeline.engine.stage import JsonValue
from tests.engine.workshop import nothing


def make_stage(name: str = "analyze", *, needs: tuple[str, ...] = (), role: str = "worker") -> StageSpec:
    return StageSpec(name=name, run=nothing, needs=needs, role=role)


@pytest.mark.parametrize("name", ["", "Analyze", "1st", "a b", "a:b", "a" * 33, "ä", "a\n"])
def test_a_malformed_name_of_a_stage_or_a_role_is_refused(name: str) -> None:
    with pytest.raises(Bug, match="malformed"):
        Graph((make_stage(name),))
    with pytest.raises(Bug, match="malformed"):
        Graph((make_stage(role=name),))


def test_a_name_stands_once() -> None:
    with pytest.raises(Bug, match="stands twice"):
        Graph((make_stage("docs"), make_stage("docs")))


@pytest.mark.parametrize("needs", ["comment", "docs", "nobody"])
def test_a_stage_needs_only_what_comes_before_it(needs: str) -> None:
    with pytest.raises(Bug, match=rf"docs needs \['{needs}'\]"):
        Graph((make_stage("docs", needs=(needs,)), make_stage("comment")))


@pytest.mark.parametrize("count", [0, STAGES_MAX + 1])
def test_a_graph_has_at_least_one_stage_and_not_too_many(count: int) -> None:
    with pytest.raises(Bug, match=f"1 to {STAGES_MAX} stages, this one has {count}"):
        Graph(tuple(make_stage(f"s{number}") for number in range(count)))


def test_a_stage_is_found_by_its_name() -> None:
    graph = Graph((make_stage("docs", role="reviewer"), make_stage("comment", needs=("docs",), role="publisher")))

    assert graph["comment"].needs == ("docs",)
    assert graph.names == ("docs", "comment")
    assert graph.roles == ("publisher", "reviewer")
    with pytest.raises(KeyError):
        graph["test"]


def test_the_wire_form_keeps_what_the_scripts_read_and_no_function() -> None:
    graph = Graph((StageSpec(name="comment", run=nothing, role="publisher", closes=True, total_seconds_max=1.5),))

    assert json.loads(graph.to_wire()) == [
        {
            "name": "comment",
            "role": "publisher",
            "version": 1,
            "needs": [],
            "closes": True,
            "total_ms_max": 1500,
            "interrupted_max": 20,
        }
    ]


def test_a_stage_reads_what_it_declares_and_is_given_context_besides() -> None:
    spec = StageSpec(name="test", run=nothing, reads=("head", "testing"), context=("repository",))
    params: dict[str, JsonValue] = {"head": "abc", "title": "Fix", "repository": {"path": "/here"}}

    assert spec.given(params) == {"head": "abc", "repository": {"path": "/here"}}
    assert spec.inputs(params) == spec.inputs({**params, "title": "Other", "repository": {"path": "/there"}})
    assert spec.inputs(params) != spec.inputs({**params, "head": "def"})
    assert spec.inputs(params) != spec.inputs({**params, "testing": None})


def test_a_stage_that_declares_nothing_reads_everything() -> None:
    spec = make_stage()

    assert spec.given({"a": 1, "b": 2}) == {"a": 1, "b": 2}
    assert spec.inputs({"a": 1}) != spec.inputs({"a": 1, "b": 2})


def test_a_raised_version_makes_the_inputs_new() -> None:
    older, newer = (StageSpec(name="docs", run=nothing, version=version) for version in (1, 2))

    assert older.inputs({}) != newer.inputs({})
