"""What a model offers is looked at once in a run, and what is packed fits its window."""

from decimal import Decimal

import pytest

from pipeline.services.llm_catalogue import ModelFacts
from pipeline.services.prospects import PACKING_STEP_TOKENS, Prospects, look_ahead
from tests.builders.context import MemoryContext
from tests.services.test_llm_probe import client, scripted

SMALL = '{"data": [{"id": "first", "meta": {"n_ctx": 8192}}]}'


def make_prospects(*, prompt_bytes_max: int = 40_000, facts: ModelFacts | None = None) -> Prospects:
    return Prospects(
        model="first",
        context_tokens=32_768,
        is_window_told=True,
        prompt_tokens_max=14_000,
        prompt_bytes_max=prompt_bytes_max,
        bytes_per_token=3.5,
        facts=facts or ModelFacts(),
    )


async def test_a_model_says_what_it_offers_without_being_asked_anything() -> None:
    async with scripted(models=SMALL) as llm, client(llm) as model:
        offered = await model.prospects()

        assert llm.calls == llm.probes == []
    assert (offered.context_tokens, offered.is_window_told) == (8_192, True)
    assert 0 < offered.prompt_tokens_max < 8_192
    assert offered.cost_nanodollars(prompt_tokens=1, cached_tokens=0, completion_tokens=1) is None


async def test_a_run_sees_the_same_however_much_is_learnt_meanwhile() -> None:
    ctx = MemoryContext(params={})
    long = [{"role": "user", "content": "a word " * 1_000}]
    async with scripted(models=SMALL) as llm, client(llm) as model:
        before = await look_ahead(ctx, model, ["first"])
        await model.ask(long)
        learnt = await model.prospects()
        again = await look_ahead(ctx.next_attempt(), model, ["first"])

    assert learnt.bytes_per_token != before.bytes_per_token
    assert again == before
    assert ctx.executed == ["look at the model"]


def test_a_price_survives_being_kept() -> None:
    facts = ModelFacts(prompt=Decimal("0.1"), completion=Decimal("0.4"))
    kept = Prospects.model_validate_json(make_prospects(facts=facts).model_dump_json())

    assert kept.cost_nanodollars(prompt_tokens=1_000, cached_tokens=0, completion_tokens=1_000) == 500_000


@pytest.mark.parametrize(
    ("prompt_bytes_max", "packed"),
    [(1_000_000, 12_000), (40_000, 12_000), (30_000, 8_500), (30_900, 8_500), (5_000, 500), (0, 500)],
)
def test_a_question_holds_what_fits_and_no_more_than_is_wanted(prompt_bytes_max: int, packed: int) -> None:
    offered = make_prospects(prompt_bytes_max=prompt_bytes_max)

    tokens = offered.packing_tokens_max(12_000, besides_bytes=4_000, bytes_per_token=3.0)

    assert tokens == packed
    assert tokens * 3 + 4_000 <= prompt_bytes_max or tokens == PACKING_STEP_TOKENS


def test_tokens_are_rounded_up() -> None:
    assert make_prospects().tokens(7_001) == 2_001
