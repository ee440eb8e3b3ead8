"""What a stage says that it reads is what it reads: a result that depends on more would be answered wrongly."""

from typing import Protocol

import pytest
from pydantic import BaseModel, ValidationError

from pipeline.stages import analyze, comment, docs, summarize, test


class Stage(Protocol):
    """What a stage module says of its stage."""

    VERSION: str
    READS: tuple[str, ...]
    CONTEXT: tuple[str, ...]
    Params: type[BaseModel]


@pytest.mark.parametrize("stage", [analyze, comment, docs, summarize, test], ids=lambda stage: stage.__name__)
def test_every_parameter_of_a_stage_is_declared_and_no_other(stage: Stage) -> None:
    declared = [*stage.READS, *stage.CONTEXT]

    assert sorted(declared) == sorted(stage.Params.model_fields)
    assert set(stage.CONTEXT) <= {"repository", "subject"}, (
        "only where things are on this host, and on whose behalf, may change and not the result"
    )
    assert stage.VERSION


@pytest.mark.parametrize("name", ["--upload-pack=x", "HEAD", "3c1f0a9", "3C" * 20, "3c" * 21, "3c" * 20 + "\n"])
@pytest.mark.parametrize("stage", [analyze, comment, docs, summarize, test], ids=lambda stage: stage.__name__)
def test_a_commit_is_named_whole_and_by_nothing_else(stage: Stage, name: str) -> None:
    """Security case 54."""
    assert ("head",) in faults(stage, head=name)
    assert ("head",) not in faults(stage, head="3c" * 20)


def faults(stage: Stage, **params: str) -> set[tuple[int | str, ...]]:
    """Name the parameters that the stage refuses."""
    with pytest.raises(ValidationError) as caught:
        stage.Params.model_validate(params)
    return {fault["loc"] for fault in caught.value.errors()}
