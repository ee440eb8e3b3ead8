"""Documentation that a pull request leaves behind is told on it, with its place, whether there is a model or not."""

from bot.demo.scripted_llm import Rule, Script, ScriptedLlm
from bot.demo.simulated_github.repositories import Pull
from tests.app.world import CONFIGURATION, PLAIN, AppWorld

CLI = 'import argparse\n\nparser = argparse.ArgumentParser()\nparser.add_argument("--retry-max", default=3)\n'
README = "# Shop\n\nGive up after `--retry-max` tries.\n"

SUMMARY = Rule(match="what_changed", answer={"what_changed": "A flag has another name.", "risks": []})
ANALYSIS = Rule(match="walkthrough", answer={"walkthrough": "A flag is renamed.", "findings": []})


async def open_renaming_pull(world: AppWorld) -> Pull:
    """Open a pull request that renames a flag which the README tells."""
    repository = await world.make_repository(
        "acme/shop", {CONFIGURATION: PLAIN, "shop/cli.py": CLI, "README.md": README}
    )
    return await world.open_pull(repository, files={"shop/cli.py": CLI.replace("--retry-max", "--tries-max")})


async def test_a_flag_that_the_readme_still_tells_is_remarked_with_its_line(world: AppWorld) -> None:
    async with world.process():
        pull = await open_renaming_pull(world)
        await world.until_concluded(pull)
        await world.github.settle()

    page = world.summary(pull)
    assert "--retry-max" in page
    assert "--tries-max" in page
    assert "`README.md:3`" in page  # A link where the host has an https address; the simulated one has none.
    assert "Give up after `--tries-max` tries." in page


async def test_a_model_that_confirms_it_is_asked_once(world: AppWorld) -> None:
    corrected = "Give up after `--tries-max` tries, at most."
    verdict = {"answers": [{"id": 1, "verdict": "stale", "corrected": corrected}]}
    script = Script(rules=(Rule(match="candidates, found by rule", answer=verdict), SUMMARY, ANALYSIS))
    async with ScriptedLlm(script) as llm:
        world.settings |= {"OPENAI_BASE_URL": llm.url, "OPENAI_API_KEY": "none", "ONCEOVER_LLM_MODEL": "scripted"}
        async with world.process():
            pull = await open_renaming_pull(world)
            await world.until_concluded(pull)
            await world.github.settle()

    assert corrected in world.summary(pull)
    assert len([call for call in llm.calls if call.rule == 0]) == 1


async def test_a_model_that_calls_it_right_has_it_dropped_and_counted(world: AppWorld) -> None:
    verdict = {"answers": [{"id": 1, "verdict": "right", "corrected": None}]}
    script = Script(rules=(Rule(match="candidates, found by rule", answer=verdict), SUMMARY, ANALYSIS))
    async with ScriptedLlm(script) as llm:
        world.settings |= {"OPENAI_BASE_URL": llm.url, "OPENAI_API_KEY": "none", "ONCEOVER_LLM_MODEL": "scripted"}
        async with world.process():
            pull = await open_renaming_pull(world)
            await world.until_concluded(pull)
            await world.github.settle()

    assert "Documentation still describes" not in world.summary(pull)
    assert "read what the rules called stale as still right" in world.summary(pull)
