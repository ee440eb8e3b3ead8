"""A review with a model: every call is booked on whom it concerns, and no text of it is in any log, at any level."""

import logging

import httpx2
import pytest

from bot.demo.scripted_llm import Rule, Script, ScriptedLlm
from bot.demo.simulated_github.leftovers import check_runs
from bot.demo.simulated_github.repositories import Pull
from bot.usage_ledger import RedisUsage
from pipeline.review.ledger import Scope, Window
from tests.app.world import AppWorld

IN_THE_CHANGE = "canaryofthechange"
IN_THE_ANSWER = "canaryoftheanswer"
IN_A_REFUSAL = "canaryofarefusal"


async def test_every_call_is_booked_and_nothing_of_its_text_is_logged(
    world: AppWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    rules = (
        Rule(times=1, status=503, body=IN_A_REFUSAL),
        Rule(answer={"walkthrough": f"It adds {IN_THE_ANSWER}.", "findings": []}),
    )
    async with ScriptedLlm(Script(rules=rules)) as llm:
        world.settings |= {"OPENAI_BASE_URL": llm.url, "OPENAI_API_KEY": "none", "ONCEOVER_LLM_MODEL": "scripted"}
        async with world.process() as process:
            repository = await world.make_repository()
            pull = await world.open_pull(repository, files={"shop.py": f"{IN_THE_CHANGE} = 1\n"})
            await world.until_concluded(pull)
            await world.github.settle()
            page = await metrics(world)
            usage = RedisUsage(process.opened.redis, process.opened.store.settings.prefix)
            today = await usage.today()
            sums = {
                scope: await usage.listed(scope, since=today, until=today)
                for scope in (Scope.RUN, Scope.PULL, Scope.REPOSITORY, Scope.INSTALLATION)
            }
            month = await usage.used(Scope.INSTALLATION, sums[Scope.INSTALLATION][0].whom, Window.MONTH)

    answered = len(llm.probes) + len(llm.calls) - 1
    assert answered >= 2
    assert {scope: [one.spend.calls for one in found] for scope, found in sums.items()} == {
        scope: [answered] for scope in sums
    }
    assert [one.shown for one in sums[Scope.REPOSITORY]] == ["acme/shop"]
    assert [one.shown for one in sums[Scope.PULL]] == [f"acme/shop#{pull.number}"]
    assert month.calls == answered
    assert f'onceover_model_calls_total{{model="scripted"}} {answered}' in page
    assert "model.answered model=scripted asked_by=r_" in caplog.text
    for canary in (IN_THE_CHANGE, IN_THE_ANSWER, IN_A_REFUSAL):
        assert canary not in caplog.text


async def metrics(world: AppWorld) -> str:
    """Look at the page as a monitor does."""
    door = world.github.app.webhook_url
    assert door
    async with httpx2.AsyncClient() as monitor:
        return (await monitor.get(door.replace("/webhooks/github", "/metrics"))).text


async def test_the_check_run_tells_what_the_model_will_cost_while_it_is_at_work(world: AppWorld) -> None:
    def told(pull: Pull) -> str:
        return "".join(str(check.summary) for check in check_runs(pull, world.github.app))

    answer = Rule(answer={"walkthrough": "It adds a number.", "findings": []}, gate="answer")
    async with ScriptedLlm(Script(rules=(answer,))) as llm:
        world.settings |= {"OPENAI_BASE_URL": llm.url, "OPENAI_API_KEY": "none", "ONCEOVER_LLM_MODEL": "scripted"}
        async with world.process():
            repository = await world.make_repository()
            pull = await world.open_pull(repository, files={"shop.py": "number = 1\n"})
            await world.until(lambda: "scripted will be asked: about " in told(pull), "told what it costs", pull)
            await llm.open_gate("answer")
            await world.until_concluded(pull)
            await world.github.settle()

    assert "will be asked" not in told(pull)
