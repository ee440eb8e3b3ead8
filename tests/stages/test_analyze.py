"""Stage analyze: real git, the real analysers, and a model server that answers from a script."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.demo.scripted_llm import Rule, Script, ScriptedLlm
from pipeline.engine.errors import RetryLater
from pipeline.engine.stage import JsonValue
from pipeline.review.reports import AnalysisReport, ChangedFile, Skipped, Spend
from pipeline.services.analyzers.settings import AnalyzerSettings
from pipeline.services.git import open_git
from pipeline.services.llm import ModelSettings, OpenAiModel
from pipeline.services.llm_question import Answer
from pipeline.services.prospects import ForeseenModel
from pipeline.stages.analyze import GROUPS_AT_ONCE_MAX, LAST_FAILURES_MAX, MODEL_TRIES_MAX, make_analyze
from tests.builders.context import MemoryContext
from tests.builders.repository import Content, RepositoryBuilder, symlink
from tests.builders.talking_model import Asked, TalkingModel, calls, says

CART = "def total(cart):\n    return sum(cart)\n"
BROKEN_CART = "def total(cart):\n    return sum(cart) / lenght\n"
WALKTHROUGH = "Divides the total."

REMARK = {
    "path": "shop/cart.py",
    "line": 2,
    "line_end": 2,
    "severity": "high",
    "category": "bug",
    "title": "Divides by an unknown name",
    "claim": "`lenght` is nowhere defined.",
    "evidence": "return sum(cart) / lenght",
    "confidence": 0.9,
    "suggestion": None,
}
ANSWER = {"walkthrough": WALKTHROUGH, "findings": [REMARK]}
DOUBTS = Rule(match="Another reviewer made remarks", answer={"verdicts": [{"number": 1, "verdict": "stands"}]})
"""What the model says of each remark when it looks at it again."""


@dataclass
class Bench:
    """A repository with one change on top of a base."""

    folder: Path
    before: Mapping[str, Content] = field(default_factory=lambda: {"shop/cart.py": CART})
    after: Mapping[str, Content] = field(default_factory=lambda: {"shop/cart.py": BROKEN_CART})

    def context(self, **analysis: JsonValue) -> MemoryContext:
        """Commit the change and make the stage's first attempt."""
        repository = RepositoryBuilder(path=self.folder / "shop", is_checked_out=False)
        base, head = repository.commit(self.before), repository.commit(self.after)
        return MemoryContext(
            params={
                "repository": {"path": str(repository.path), "name": "shop"},
                "merge_base": base,
                "head": head,
                "title": "Divide",
                "analysis": {"analyzers": [], **analysis},
            }
        )

    async def report(self, client: ForeseenModel | None = None, /, **analysis: JsonValue) -> AnalysisReport:
        """Analyze the change."""
        return await run(self.context(**analysis), client)


async def run(
    ctx: MemoryContext, model: ForeseenModel | None = None, settings: AnalyzerSettings | None = None
) -> AnalysisReport:
    stage = make_analyze(git=open_git, analyzers=settings, model=model)
    return AnalysisReport.model_validate(await stage(ctx))


async def run_until_it_stops_trying(ctx: MemoryContext, model: ForeseenModel) -> tuple[AnalysisReport, MemoryContext]:
    """Do what the engine does with `RetryLater`, without the waits."""
    for _ in range(MODEL_TRIES_MAX - 1):
        with pytest.raises(RetryLater):
            await run_alone(ctx, model)
        ctx = ctx.next_attempt()
    return await run(ctx, model), ctx


async def run_alone(ctx: MemoryContext, model: ForeseenModel) -> AnalysisReport:
    """Unwrap a lone error, as the engine does."""
    try:
        return await run(ctx, model)
    except ExceptionGroup as group:
        raise group.exceptions[0] from group


ROOMY = '{"data": [{"id": "first", "max_model_len": 131072}]}'
"""A list of models with one that reads a lot: a group is as large as a group gets."""


@asynccontextmanager
async def scripted(*rules: Rule, **settings: Any) -> AsyncIterator[tuple[ScriptedLlm, OpenAiModel]]:  # noqa: ANN401 - any.
    async with ScriptedLlm(Script(rules=(DOUBTS, *rules), models=ROOMY)) as llm:
        given = {"model": "first", "api_key": SecretStr("sk-test"), "base_url": llm.url, **settings}
        async with OpenAiModel(ModelSettings(**given)) as model:
            yield llm, model


def gaps(report: AnalysisReport) -> list[str]:
    return [f"{skipped.what}: {skipped.why}" for skipped in report.skipped if skipped.gap]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_analysers_and_model_make_one_ranked_report(bench: Bench) -> None:
    async with scripted(Rule(answer=ANSWER)) as (_, model):
        report = await bench.report(model, model="first", analyzers=["ruff", "typos"])

    assert [(finding.source, finding.path, finding.line) for finding in report.findings] == [
        ("ruff:F821", "shop/cart.py", 2),
        ("typos:spelling", "shop/cart.py", 2),
    ]
    assert report.findings[0].claim == REMARK["claim"], "the model explains what the analyser found"
    assert report.files == (ChangedFile(path="shop/cart.py", status="modified", added=1, removed=1),)
    assert (report.files_total, report.lines_added, report.lines_removed) == (1, 1, 1)
    assert (report.model, report.walkthrough) == ("first", WALKTHROUGH)
    assert report.spend.calls == 2
    assert report.spend.prompt_tokens > 100
    assert [label.split()[0] for label in report.tools] == ["ruff", "typos"]
    assert report.skipped == ()


async def test_without_a_model_it_says_so_and_goes_on(bench: Bench) -> None:
    report = await bench.report(analyzers=["ruff"])

    assert [finding.source for finding in report.findings] == ["ruff:F821"]
    why = "no model is configured; set OPENAI_BASE_URL/OPENAI_API_KEY and ONCEOVER_LLM_MODEL"
    assert report.skipped == (Skipped(what="model", why=why),)


async def test_remarks_on_lines_that_did_not_change_are_not_told(bench: Bench) -> None:
    bench.before = {"a.py": "x = undefined_before\n"}
    bench.after = {"a.py": "x = undefined_before\ny = undefined_now\n"}

    report = await bench.report(analyzers=["ruff"])

    assert [(finding.title, finding.line) for finding in report.findings] == [("Undefined name `undefined_now`", 2)]


async def test_a_second_entry_pays_for_nothing_twice(bench: Bench) -> None:
    ctx = bench.context(model="first", analyzers=["ruff"])

    async with scripted(Rule(answer=ANSWER)) as (llm, model):
        first = await run(ctx, model)
        second = await run(ctx.next_attempt(), model)

    assert second == first
    assert [call.rule for call in llm.calls] == [1, 0]
    assert ctx.executed == ["analysers", "look at the model", "turn", "model"]


async def test_an_answer_that_does_not_fit_is_repaired_once_and_both_are_billed(bench: Bench) -> None:
    async with scripted(Rule(text="Looks fine to me!", times=1), Rule(answer=ANSWER)) as (llm, model):
        report = await bench.report(model, model="first")

    assert [finding.source for finding in report.findings] == ["model"]
    assert [call.rule for call in llm.calls] == [1, 2, 0]
    assert report.spend.calls == 3


async def test_a_model_that_answers_rubbish_leaves_the_analysers_findings(bench: Bench) -> None:
    async with scripted(Rule(text="<p>no</p>")) as (llm, model):
        report = await bench.report(model, model="first", analyzers=["ruff"])

    assert [finding.source for finding in report.findings] == ["ruff:F821"]
    assert report.model is None
    assert len(gaps(report)) == 1
    assert gaps(report)[0].startswith("model: its answer did not fit")
    assert len(llm.calls) == 2


async def test_asked_again_a_model_that_answered_rubbish_may_repair_it_and_is_paid_for_that_alone(
    bench: Bench,
) -> None:
    ctx = bench.context(model="first")

    async with scripted(Rule(text="<p>no</p>", times=2), Rule(answer=ANSWER)) as (llm, model):
        await run(ctx, model)
        again = ctx.re_run()
        report = await run(again, model)

    assert ctx.is_partial
    assert not again.is_partial
    assert [finding.source for finding in report.findings] == ["model"]
    assert [call.rule for call in llm.calls] == [1, 1, 2, 0]


async def test_what_the_model_refuses_to_read_is_worth_asking_again(bench: Bench) -> None:
    """A web page in its place, a prompt that is too long: the address or the model may be put right."""
    ctx = bench.context(model="first")

    async with scripted(Rule(body="<html>hello</html>", headers={"content-type": "text/html"})) as (_, model):
        report = await run(ctx, model)

    assert gaps(report)[0].startswith("model: The model server")
    assert ctx.is_partial


@pytest.mark.parametrize(
    "rule",
    [
        Rule(status=503, body="busy"),
        Rule(status=200, body="<html>gateway</html>"),
        Rule(fault="cut"),
        Rule(fault="empty_body"),
        Rule(fault="hang"),
    ],
    ids=["busy", "html", "cut", "nothing", "never"],
)
async def test_a_model_that_may_come_back_is_waited_for_and_then_gone_on_without(bench: Bench, rule: Rule) -> None:
    ctx = bench.context(model="first", analyzers=["ruff"])

    async with scripted(rule, seconds_max=0.2) as (llm, model):
        report, last = await run_until_it_stops_trying(ctx, model)

    assert [finding.source for finding in report.findings] == ["ruff:F821"]
    assert [gap.partition(":")[0] for gap in gaps(report)] == ["model"]
    assert "tried again" not in gaps(report)[0], "It is not, any more."
    assert report.spend == Spend()
    assert last.is_partial
    assert [text.partition(":")[0] for text in dict.fromkeys(last.decisions)] == [
        "first will be asked",
        "gone on without the model for some files",
    ]
    assert last.executed.count("analysers") == 1
    assert len(llm.calls) <= MODEL_TRIES_MAX


async def test_a_wrong_key_is_not_tried_again(bench: Bench) -> None:
    ctx = bench.context(model="first", analyzers=["ruff"])

    async with scripted(Rule(status=401, body='{"error": {"message": "bad key"}}')) as (llm, model):
        report = await run(ctx, model)

    assert len(report.findings) == len(gaps(report)) == 1
    assert len(llm.calls) == 1
    assert ctx.is_partial


async def test_a_pause_longer_than_the_engine_grants_is_not_waited_for(bench: Bench) -> None:
    async with scripted(Rule(status=429, headers={"Retry-After": "3600"}, body="{}")) as (_, model):
        report = await bench.report(model, model="first")

    assert len(gaps(report)) == 1


async def test_groups_that_were_answered_are_not_asked_again_when_another_fails(bench: Bench) -> None:
    """Two directories that fill a group each: one gets its answer, the other only on the second try."""
    bench.before = {}
    bench.after = {f"{folder}/a.py": f"# {folder}\n" + "x = 1  # filler\n" * 1_300 for folder in ("first", "second")}
    ctx = bench.context(model="first")
    rules = (
        Rule(match="FILE second/a.py", status=503, body="", times=1),
        Rule(answer={"walkthrough": "W", "findings": []}),
    )

    async with scripted(*rules) as (llm, model):
        with pytest.raises(RetryLater):
            await run_alone(ctx, model)
        report = await run(ctx.next_attempt(), model)

    assert report.walkthrough == "W\n\nW"
    assert len(llm.calls) == 3
    assert gaps(report) == []


async def test_in_the_last_try_a_dead_model_is_not_asked_about_every_group(bench: Bench) -> None:
    bench.before = {}
    bench.after = {f"d{n}/a.py": "x = 1  # filler\n" * 1_300 for n in range(8)}
    ctx = bench.context(model="first")
    ctx.attempt = MODEL_TRIES_MAX

    async with scripted(Rule(status=503, body="")) as (llm, model):
        report = await run(ctx, model)

    assert LAST_FAILURES_MAX <= len(llm.calls) < LAST_FAILURES_MAX + GROUPS_AT_ONCE_MAX
    assert len(gaps(report)) == 1


async def test_an_error_of_the_engine_is_not_taken_for_the_models(bench: Bench) -> None:
    class FullRedis(MemoryContext):
        async def _execute(self, *arguments: Any) -> None:  # noqa: ANN401 - whatever a step is given.
            await super()._execute(*arguments)
            raise RetryLater("Redis is full.")

    ctx = FullRedis(params=bench.context(model="first").params, attempt=MODEL_TRIES_MAX)

    async with scripted(Rule(answer=ANSWER)) as (_, model):
        with pytest.raises(RetryLater, match="Redis is full"):
            await run_alone(ctx, model)


async def test_a_configured_model_without_a_client_is_a_gap(bench: Bench) -> None:
    ctx = bench.context(model="first")

    report = await run(ctx)

    assert gaps(report) == ["model: there is no client for first here"]
    assert ctx.is_partial, "a worker that has a client can read it another time"


async def test_what_is_not_read_is_named_with_its_reason(bench: Bench) -> None:
    bench.after = {"package-lock.json": "{}", "logo.png": b"\x89PNG\0", "vendor/a.py": "x", "link": symlink("/etc")}

    report = await bench.report(analyzers=["ruff"], ignore=["vendor/"])

    told = {skipped.what: skipped.why for skipped in report.skipped}
    assert set(told) == {"package-lock.json", "logo.png", "vendor/a.py", "link", "model"}
    assert report.tools == ()


async def test_a_change_cannot_declare_itself_generated(bench: Bench) -> None:
    bench.after = {".gitattributes": "*.py linguist-generated", "a.py": "# @generated\nprint(undefined)\n"}

    report = await bench.report(analyzers=["ruff"])

    assert [finding.source for finding in report.findings] == ["ruff:F821"]


async def test_what_the_base_calls_generated_is_not_read(bench: Bench) -> None:
    bench.before = {"a.py": "# Code generated by x. DO NOT EDIT.\n"}
    bench.after = {"a.py": "# Code generated by x. DO NOT EDIT.\nprint(undefined)\n"}

    report = await bench.report(analyzers=["ruff"])

    assert report.findings == ()
    assert report.skipped[0].what == "a.py"


async def test_a_change_that_silences_an_analyser_says_so(bench: Bench) -> None:
    bench.after = {"a.py": "x = 1\nprint(undefined)  # noqa: F821\n"}

    report = await bench.report(analyzers=["ruff"])

    assert report.findings == ()
    assert report.skipped[0].what == "a.py:2"


async def test_no_more_findings_than_asked_for_and_the_worst_first(bench: Bench) -> None:
    bench.after = {"a.py": "import os\n" + "".join(f"print(undefined_{n})\n" for n in range(9)), "b.md": "teh\n"}

    report = await bench.report(analyzers=["ruff", "typos"], findings_max=3)

    assert [finding.severity for finding in report.findings] == ["high"] * 3
    assert Skipped(what="8 findings", why="the least severe ones, beyond the limit of 3") in report.skipped


async def test_a_missing_tool_is_said(bench: Bench, tmp_path: Path) -> None:
    ctx = bench.context(analyzers=["ruff"])

    report = await run(ctx, None, AnalyzerSettings(directories=(tmp_path,)))

    assert report.skipped[0] == Skipped(what="ruff", why="not installed: pip install 'onceover[analyzers]'")
    assert not ctx.is_partial, "installing it changes `at_hand`, which is part of what the result depends on"


async def test_an_empty_change_asks_nobody(bench: Bench) -> None:
    bench.after = {"shop/cart.py": CART}

    async with scripted(Rule(answer=ANSWER)) as (llm, model):
        report = await bench.report(model, model="first", analyzers=["ruff"])

    assert report == AnalysisReport()
    assert llm.calls == []


async def test_hostile_names_and_bytes_make_a_report_that_can_be_stored(bench: Bench) -> None:
    """Cases 41 and 53."""
    bench.after = {
        "\x1b[31m\u202e.py": "print(undefined)\n",
        "\udcff.py": b"\xff\xfe = undefined\n",
        "-rf.py": "teh(\n",
    }

    async with scripted(Rule(answer={"walkthrough": "\x1b[2J", "findings": []})) as (_, model):
        report = await bench.report(model, model="first", analyzers=["ruff", "bandit", "typos"])

    assert "<U+202E>.py" in {finding.path for finding in report.findings}
    assert "\x1b" not in report.model_dump_json()
    assert "\\u001b" not in report.model_dump_json()


async def test_five_thousand_files_are_read_within_bounds_and_the_rest_is_counted(bench: Bench) -> None:
    """Case 38."""
    text = "print(undefined)\n" + "x = 1  # a line of some length, as people write them\n" * 39
    bench.before = {}
    bench.after = {f"pkg{n % 50}/mod{n}.py": text for n in range(5_000)}

    async with scripted(Rule(answer={"walkthrough": "W", "findings": []})) as (llm, model):
        report = await bench.report(model, model="first", analyzers=["ruff"])

    assert (report.files_total, report.lines_added) == (5_000, 200_000)
    assert len(report.findings) == 50
    assert 10 <= len(llm.calls) <= 20
    assert len(report.skipped) < 60
    assert any(skipped.what.endswith("more files") and skipped.gap for skipped in report.skipped)


async def test_what_the_model_looks_up_goes_over_the_wire_and_is_billed(bench: Bench) -> None:
    bench.after = {"shop/cart.py": BROKEN_CART, "shop/pay.py": "from shop.cart import total\n"}
    look = Rule(
        parameter="tools",
        times=1,
        tool_calls=({"name": "find_references", "arguments": '{"name": "total"}'},),
        finish_reason="tool_calls",
        text="",
    )
    ctx = bench.context(model="first")

    async with scripted(look, Rule(match="shop/pay.py:1 (import)", answer=ANSWER)) as (llm, model):
        report = await run(ctx, model)

    assert [finding.source for finding in report.findings] == ["model"]
    assert [call.rule for call in llm.calls] == [1, 2, 0]
    assert report.spend.calls == 3
    assert [name for name in ctx.executed if name in {"turn", "tool"}] == ["turn", "tool", "turn"]
    assert any(
        decision.startswith("read shop/cart.py and 1 more in 2 turns with 1 tool call;") for decision in ctx.decisions
    )


@pytest.mark.parametrize("status", [400, 404, 500])
async def test_a_server_that_knows_no_tools_is_asked_the_plain_question(bench: Bench, status: int) -> None:
    refusal = Rule(parameter="tools", status=status, body='{"error": {"message": "This does not support tools."}}')

    async with scripted(refusal, Rule(answer=ANSWER), probes=False) as (llm, model):
        report = await bench.report(model, model="first")

    assert [finding.source for finding in report.findings] == ["model"]
    assert [call.rule for call in llm.calls] == [1, 2, 0]
    assert gaps(report) == []


async def test_where_nobody_can_look_a_second_time_what_was_found_is_told_with_that(bench: Bench) -> None:
    ctx = bench.context(model="first")
    rubbish = Rule(match="Another reviewer made remarks", text="<p>no</p>")

    async with ScriptedLlm(Script(rules=(rubbish, Rule(answer=ANSWER)))) as llm:
        settings = ModelSettings(model="first", api_key=SecretStr("sk-test"), base_url=llm.url)
        async with OpenAiModel(settings) as model:
            report = await run(ctx, model)

    assert [finding.source for finding in report.findings] == ["model"]
    assert [skipped.why for skipped in report.skipped] == [
        "1 remark told without a second look, which could not be had"
    ]
    assert report.spend.calls == 3
    assert not ctx.is_partial


async def test_a_second_look_that_may_come_later_is_waited_for_and_then_gone_on_without(bench: Bench) -> None:
    ctx = bench.context(model="first")
    busy = Rule(match="Another reviewer made remarks", status=503, body="busy")

    async with ScriptedLlm(Script(rules=(busy, Rule(answer=ANSWER)))) as llm:
        settings = ModelSettings(model="first", api_key=SecretStr("sk-test"), base_url=llm.url)
        async with OpenAiModel(settings) as model:
            report, ctx = await run_until_it_stops_trying(ctx, model)

    assert [finding.source for finding in report.findings] == ["model"]
    assert [call.rule for call in llm.calls].count(1) == 1, "The files were read once."
    assert [call.rule for call in llm.calls].count(0) == MODEL_TRIES_MAX


@pytest.mark.parametrize(("depth", "is_shown"), [("quick", False), ("standard", False), ("deep", True)])
async def test_a_deep_review_shows_more_around_a_change(bench: Bench, depth: str, is_shown: bool) -> None:  # noqa: FBT001 - a table.
    lines = [f"line_{number} = {number}\n" for number in range(40)]
    bench.before = {"a.py": "".join(lines)}
    bench.after = {"a.py": "".join([*lines[:20], "changed = 1\n", *lines[21:]])}
    rules = (
        Rule(match="line_12", answer={"walkthrough": "much", "findings": []}),
        Rule(answer={"walkthrough": "little", "findings": []}),
    )
    async with scripted(*rules) as (_, model):
        report = await bench.report(model, model="first", depth=depth)

    assert report.walkthrough == ("much" if is_shown else "little")


async def test_case_36_hidden_text_is_told_without_a_model_also_in_a_file_that_nobody_reads(bench: Bench) -> None:
    bench.after = {"shop/cart.py": f"{CART}# user\u202e \u2066admin\n", "poetry.lock": "x = 'a\u200bb'\n"}

    report = await bench.report()

    assert [(one.source, one.path) for one in report.findings] == [
        ("onceover:hidden-text", "shop/cart.py"),
        ("onceover:hidden-text", "poetry.lock"),
    ]


async def test_a_deep_review_lets_the_doubter_look_things_up(bench: Bench) -> None:
    verdicts = {"verdicts": [{"number": 1, "verdict": "refuted", "reason": "Line 1 defines it."}]}

    def talk(asked: Asked) -> Answer:
        has_looked = any(message["role"] == "tool" for message in asked.messages)
        if "Another reviewer" not in asked.text:
            return says(ANSWER)
        return says(verdicts) if has_looked else calls(("find_definition", {"name": "lenght"}))

    ctx, model = bench.context(model="small", depth="deep"), TalkingModel(obey=talk)

    report = await run(ctx, model)

    assert [bool(asked.tools) for asked in model.asked] == [True, True, True]
    assert report.findings == ()
    assert [skipped.why for skipped in report.skipped] == ["1 remark refuted in the second pass"]
    assert report.spend.calls == 3


async def test_where_nothing_was_found_nobody_is_asked_to_doubt_it(bench: Bench) -> None:
    model = TalkingModel(script=[says({"walkthrough": WALKTHROUGH, "findings": []})])

    report = await run(bench.context(model="small"), model)

    assert (len(model.asked), report.findings) == (1, ())


async def test_a_remark_is_put_right_and_its_suggestion_tried_on_the_file_itself(bench: Bench) -> None:
    """The file is read from git, not taken from what the change shows of it."""
    body = "".join(f"    x{number} = {number}\n" for number in range(40))
    bench.before = {"a.py": f"def f():\n{body}    return x1\n"}
    bench.after = {"a.py": f"def f():\n{body}    return x1 / 0\n"}
    remark = REMARK | {"path": "a.py", "line": 7, "line_end": 7, "evidence": "return x1 / 0"}
    found = [remark | {"suggestion": "    return x1"}, remark | {"title": "Again", "suggestion": "    return (x1"}]
    model = TalkingModel(script=[says({"walkthrough": WALKTHROUGH, "findings": found}), says({"verdicts": []})])

    report = await run(bench.context(model="small", depth="standard"), model)

    assert {(finding.line, finding.suggestion) for finding in report.findings} <= {(42, "    return x1"), (42, None)}
    assert "1 suggestion not taken: after it the file would no longer parse" in [one.why for one in report.skipped]
