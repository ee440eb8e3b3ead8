"""Every error says what can be done; what a stage raises is stored so that a reader can act on it."""

import inspect
from collections.abc import Iterator

import pytest

from pipeline.engine import attempt, context, errors, store
from pipeline.engine.errors import AskPerson, Bug, GiveUp, InvariantBroken, OnceoverError, RetryLater
from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import StageState
from tests.engine.workshop import MakeWorkshop, failing


def error_classes() -> Iterator[type[OnceoverError]]:
    for module in (errors, context, attempt, store):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, OnceoverError) and kind.__module__ == module.__name__:
                yield kind


@pytest.mark.parametrize("kind", list(error_classes()), ids=lambda kind: str(kind.__name__))
def test_every_error_says_what_the_caller_can_do(kind: type[OnceoverError]) -> None:
    ways = [way for way in (RetryLater, AskPerson, GiveUp, Bug) if issubclass(kind, way)]

    assert len(ways) == 1 or kind is OnceoverError
    assert kind.helps in {"waiting", "a person", "nothing", "a fix"} or kind is OnceoverError


def test_no_two_errors_of_the_engine_share_a_code() -> None:
    codes = [kind.code for kind in error_classes()]

    assert len(set(codes)) == len(codes)


def test_an_error_reads_as_what_happened_and_what_to_do() -> None:
    error = AskPerson("The key is refused.", next_step="Set OPENAI_API_KEY.", code="key_refused")

    assert str(error) == "The key is refused. Set OPENAI_API_KEY."
    assert error.error_code == "key_refused"


def test_a_foreign_text_is_cut() -> None:
    assert len(RetryLater("x" * 100_000).message) == errors.CAUSE_CHARACTERS_MAX


def test_a_broken_invariant_is_named() -> None:
    error = InvariantBroken("C1", "a checkpoint changed")

    assert isinstance(error, Bug)
    assert error.error_code == "invariant_broken.C1"
    assert "Invariant C1 is broken" in str(error)


@pytest.mark.parametrize(
    ("error", "stored"),
    [
        (GiveUp("No such file.", code="gone"), ("gone", "No such file.", "nothing")),
        (AskPerson("The disk is full."), ("ask_person", "The disk is full.", "a person")),
        (Bug("That cannot be."), ("bug", "That cannot be.", "a fix")),
        (ValueError("of no class"), ("bug", "ValueError: of no class", "a fix")),
        (KeyError("\ud800 \x1b[31m \u202e \0"), ("bug", "KeyError: '\\ud800 \\x1b[31m \\u202e \\x00'", "a fix")),
        (GiveUp("Bytes of a name: \udcff\ud800."), ("give_up", "Bytes of a name: ??.", "nothing")),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_stage_keeps_the_error_that_ended_it(
    make_workshop: MakeWorkshop, error: Exception, stored: tuple[str, str, str]
) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=failing(error)))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id

    await workshop.wake(worker, run_id)

    stage = await workshop.stage_of(run_id, "only")
    assert stage.state is StageState.FAILED
    assert stage.error is not None
    assert (stage.error["code"], stage.error["message"], stage.error["helps"]) == stored
