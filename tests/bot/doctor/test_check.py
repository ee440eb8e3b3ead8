"""The examination: all checks at once, each within its limit, none spoiling another."""

import asyncio

from rich.console import Console

from bot.commands.doctor import as_document, has_failed, tell
from bot.doctor.check import Check, Examined, examine
from bot.doctor.outcome import Failed, Ok, Outcome, Skipped, Warned
from pipeline.engine.errors import AskPerson


async def fine() -> Outcome:
    return Ok(said="Fine.")


async def hangs() -> Outcome:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def breaks() -> Outcome:
    raise KeyError("canary-value")


async def refuses() -> Outcome:
    raise AskPerson("It is locked.", next_step="Unlock it.")


async def test_a_check_that_hangs_breaks_or_refuses_spoils_no_other() -> None:
    checks = [
        Check(name="hangs", ask=hangs, seconds_max=0),
        Check(name="breaks", ask=breaks),
        Check(name="refuses", ask=refuses),
        Check(name="fine", ask=fine),
    ]

    found = {one.name: one.outcome for one in await examine(checks)}

    assert isinstance(found["hangs"], Failed)
    assert found["hangs"].said == "There was no answer within 0 s."
    assert isinstance(found["breaks"], Failed)
    assert found["breaks"].said == "The check itself broke (KeyError)."
    assert found["refuses"] == Failed(said="It is locked.", next_step="Unlock it.")
    assert found["fine"] == Ok(said="Fine.")


async def test_all_checks_are_asked_at_once() -> None:
    first, second = asyncio.Event(), asyncio.Event()

    async def waits_for_the_second() -> Outcome:
        first.set()
        await second.wait()
        return Ok(said="")

    async def waits_for_the_first() -> Outcome:
        await first.wait()
        second.set()
        return Ok(said="")

    found = await examine([Check(name="a", ask=waits_for_the_second), Check(name="b", ask=waits_for_the_first)])

    assert [one.name for one in found] == ["a", "b"]


def examined(*outcomes: Outcome) -> list[Examined]:
    return [Examined(name=f"check.{number}", outcome=one, seconds=0.1) for number, one in enumerate(outcomes)]


def told(found: list[Examined]) -> str:
    console = Console(width=200, no_color=True)
    with console.capture() as captured:
        tell(found, console)
    return captured.get()


def test_only_what_failed_makes_it_fail() -> None:
    assert not has_failed(examined(Ok(said=""), Warned(said="", next_step=""), Skipped(said="")))
    assert has_failed(examined(Ok(said=""), Failed(said="", next_step="")))


def test_a_person_reads_what_is_wrong_and_the_fix_and_never_a_control_character() -> None:
    page = told(examined(Ok(said="Good."), Failed(said="Bad \x1b[31m.", next_step="Mend it.")))

    assert "✔  check.0  Good." in page
    assert "✘  check.1  Bad" in page
    assert "→ Mend it." in page
    assert "1 failed, 0 warnings, 1 fine, 0 skipped." in page
    assert "\x1b[31m" not in page


def test_what_was_skipped_is_counted_and_told_only_if_something_can_be_done() -> None:
    page = told(examined(Skipped(said="No App."), Skipped(said="No model.", next_step="Name one.")))

    assert "No App." not in page
    assert "No model." in page
    assert "0 checks fine, 2 skipped. Nothing to do." in page


def test_a_program_reads_every_check_by_name_and_state() -> None:
    document = as_document(examined(Ok(said="Good."), Warned(said="Hm.", next_step="Look.")))

    assert document == {
        "schema_version": 1,
        "fine": True,
        "checks": [
            {"name": "check.0", "state": "ok", "said": "Good.", "next_step": "", "seconds": 0.1},
            {"name": "check.1", "state": "warning", "said": "Hm.", "next_step": "Look.", "seconds": 0.1},
        ],
    }
