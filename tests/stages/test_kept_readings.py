"""Stage analyze on the second push: what a model has read is taken over, and the rest alone is asked about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot.demo.scripted_llm import Call, Rule, Script, ScriptedLlm
from pipeline.engine.stage import JsonValue
from pipeline.review.kept_readings import ACCOUNTS_MAX
from pipeline.review.reports import AnalysisReport
from pipeline.services.git import open_git
from pipeline.services.llm import ModelSettings, OpenAiModel
from pipeline.services.prospects import ForeseenModel
from pipeline.services.questions import Answer
from pipeline.stages.analyze import MODEL_TRIES_MAX, make_analyze
from tests.builders.context import MemoryContext
from tests.builders.repository import Content, RepositoryBuilder
from tests.stages.test_analyze import ROOMY, scripted

FILLER = "".join(f"value_{n} = {n}\n" for n in range(12))
CART = f"{FILLER}def total(cart):\n    return sum(cart)\n"
BROKEN = f"{FILLER}def total(cart):\n    return sum(cart) / lenght\n"


def remark(path: str, line: int, evidence: str) -> dict[str, JsonValue]:
    """Write what a model says of one line."""
    return {
        "path": path,
        "line": line,
        "line_end": line,
        "severity": "high",
        "category": "bug",
        "title": "Divides by an unknown name",
        "claim": "`lenght` is nowhere defined.",
        "evidence": evidence,
        "confidence": 0.9,
        "suggestion": None,
    }


ANSWER = {"walkthrough": "Divides the total.", "findings": [remark("cart.py", 14, "return sum(cart) / lenght")]}
NOTHING = {"walkthrough": "Adds a file.", "findings": []}


def told(walkthrough: str) -> dict[str, JsonValue]:
    """Write the answer of a model that finds nothing."""
    return {"walkthrough": walkthrough, "findings": []}


class KeptInMemory:
    """Readings of any number of subjects."""

    def __init__(self) -> None:
        self.by_subject: dict[str, dict[str, str]] = {}

    async def recall(self, subject: str, keys: Sequence[str]) -> Mapping[str, str]:
        """Give what is kept."""
        kept = self.by_subject.get(subject, {})
        return {key: kept[key] for key in keys if key in kept}

    async def keep(self, subject: str, readings: Mapping[str, str]) -> None:
        """Keep it."""
        self.by_subject.setdefault(subject, {}).update(readings)


@dataclass
class Pull:
    """A pull request that grows."""

    folder: Path
    readings: KeptInMemory = field(default_factory=KeptInMemory)
    base: Mapping[str, Content] = field(default_factory=lambda: {"cart.py": CART})
    analysis: dict[str, JsonValue] = field(default_factory=dict)
    repository: RepositoryBuilder = field(init=False)
    merge_base: str = field(init=False)

    def __post_init__(self) -> None:
        self.repository = RepositoryBuilder(path=self.folder / "shop", is_checked_out=False)
        self.merge_base = self.repository.commit(self.base)

    def rebase(self, base: Mapping[str, Content]) -> None:
        """Let it start from another base."""
        self.merge_base = self.repository.commit(base)

    def context(self, head: Mapping[str, Content], *, subject: str = "pull/7", is_fresh: bool = False) -> MemoryContext:
        """Commit a head, and make the first try of its run."""
        return MemoryContext(
            params={
                "repository": {"path": str(self.repository.path), "name": "shop"},
                "subject": subject,
                "merge_base": self.merge_base,
                "head": self.repository.commit(head),
                "title": "Divide",
                "analysis": {"analyzers": [], "model": "first", **self.analysis},
            },
            is_fresh=is_fresh,
        )

    async def report(self, ctx: MemoryContext, model: ForeseenModel) -> AnalysisReport:
        """Analyze it."""
        stage = make_analyze(git=open_git, model=model, readings=self.readings)
        return AnalysisReport.model_validate(await stage(ctx))

    async def push(
        self, head: Mapping[str, Content], model: ForeseenModel, *, subject: str = "pull/7", is_fresh: bool = False
    ) -> AnalysisReport:
        """Commit a head and analyze it."""
        return await self.report(self.context(head, subject=subject, is_fresh=is_fresh), model)


@dataclass
class Overheard:
    """A model, and what it was asked about changes, without the system prompts."""

    model: OpenAiModel
    questions: list[str] = field(default_factory=list)

    async def ask(self, messages: Sequence[Mapping[str, str]], **options: Any) -> Answer:  # noqa: ANN401 - any.
        """Pass the question on."""
        if "Review it as described" in messages[1]["content"]:
            self.questions.append(messages[1]["content"])
        return await self.model.ask(messages, **options)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the model can do besides.
        return getattr(self.model, name)


def reads(llm: ScriptedLlm) -> list[Call]:
    """Give the calls that read a change; the second look at what was found is another's test."""
    return [call for call in llm.calls if call.rule != 0]


async def test_a_push_asks_about_what_it_touches_and_keeps_the_findings_of_the_rest(tmp_path: Path) -> None:
    pull = Pull(tmp_path)

    async with scripted(Rule(answer=ANSWER, times=1), Rule(answer=NOTHING)) as (llm, scripted_model):
        model = Overheard(scripted_model)
        first = await pull.push({"cart.py": BROKEN}, model)
        second = await pull.push({"cart.py": BROKEN, "new.py": "x = 1\n"}, model)

    assert second.findings == first.findings
    assert len(first.findings) == 1
    assert len(reads(llm)) == 2
    assert "FILE new.py" in model.questions[1]
    assert "cart.py" not in model.questions[1]
    assert (first.files_known, second.files_known) == (0, 1)
    assert second.walkthrough == "Adds a file.\n\nDivides the total."
    assert second.spend.calls == 1, "what is taken over is not looked at twice either"
    assert second.model == "first"


async def test_the_same_head_in_another_run_costs_nothing(tmp_path: Path) -> None:
    pull = Pull(tmp_path)

    async with scripted(Rule(answer=ANSWER)) as (llm, model):
        first = await pull.push({"cart.py": BROKEN}, model)
        again = await pull.push({"cart.py": BROKEN}, model)

    assert len(reads(llm)) == 1
    assert again.spend.calls == 0
    assert (again.findings, again.model, again.walkthrough) == (first.findings, first.model, first.walkthrough)


async def test_a_rebase_moves_the_findings_and_costs_nothing(tmp_path: Path) -> None:
    """Lines above the place move it; what a model saw of it is the same."""
    pull = Pull(tmp_path)

    async with scripted(Rule(answer=ANSWER)) as (llm, model):
        await pull.push({"cart.py": BROKEN}, model)
        pull.rebase({"cart.py": f"import os\n{CART}"})
        rebased = await pull.push({"cart.py": f"import os\n{BROKEN}"}, model)

    assert len(reads(llm)) == 1
    assert [(finding.line, finding.line_end) for finding in rebased.findings] == [(15, 15)]


async def test_a_finding_goes_when_its_line_is_mended(tmp_path: Path) -> None:
    pull = Pull(tmp_path)

    async with scripted(Rule(answer=ANSWER, times=1), Rule(answer=NOTHING)) as (llm, model):
        await pull.push({"cart.py": BROKEN}, model)
        mended = await pull.push({"cart.py": BROKEN.replace("lenght", "len(cart)")}, model)

    assert len(reads(llm)) == 2
    assert mended.findings == ()


async def test_of_a_long_new_file_a_push_asks_about_the_touched_piece_alone(tmp_path: Path) -> None:
    functions = [f"def step_{n}(value):\n" + "    value += 1\n" * 25 + "    return value\n\n\n" for n in range(20)]
    pull = Pull(tmp_path)
    touched = [*functions[:10], functions[10].replace("+= 1", "-= 1", 1), *functions[11:]]

    async with scripted(Rule(answer=NOTHING)) as (_, scripted_model):
        model = Overheard(scripted_model)
        await pull.push({"cart.py": CART, "steps.py": "".join(functions)}, model)
        await pull.push({"cart.py": CART, "steps.py": "".join(touched)}, model)

    assert "step_10" in model.questions[1]
    assert "more changed lines read before" in model.questions[1]
    assert len(model.questions[1]) < len(model.questions[0]) / 6


async def test_another_pull_request_gets_nothing_of_this_ones(tmp_path: Path) -> None:
    pull = Pull(tmp_path)

    async with scripted(Rule(answer=ANSWER)) as (llm, model):
        await pull.push({"cart.py": BROKEN}, model)
        await pull.push({"cart.py": BROKEN}, model, subject="pull/8")
        await pull.push({"cart.py": BROKEN}, model, subject="")

    assert len(reads(llm)) == 3


async def test_fresh_asks_anew_and_the_new_answer_is_kept(tmp_path: Path) -> None:
    pull = Pull(tmp_path)

    async with scripted(Rule(answer=ANSWER, times=1), Rule(answer=NOTHING)) as (llm, model):
        await pull.push({"cart.py": BROKEN}, model)
        fresh = await pull.push({"cart.py": BROKEN}, model, is_fresh=True)
        after = await pull.push({"cart.py": BROKEN}, model)

    assert len(reads(llm)) == 2
    assert fresh.findings == after.findings == ()


async def test_another_depth_reads_for_itself(tmp_path: Path) -> None:
    pull = Pull(tmp_path)

    async with scripted(Rule(answer=ANSWER)) as (llm, model):
        await pull.push({"cart.py": BROKEN}, model)
        pull.analysis = {"depth": "quick"}
        await pull.push({"cart.py": BROKEN}, model)

    assert len(reads(llm)) == 2


async def test_an_answer_that_broke_off_is_not_kept(tmp_path: Path) -> None:
    pull = Pull(tmp_path)
    cut = '{"walkthrough": "Divides.", "findings": [{"path": "cart.py"'

    async with scripted(Rule(text=cut, finish_reason="length")) as (llm, model):
        await pull.push({"cart.py": BROKEN}, model)
        await pull.push({"cart.py": BROKEN}, model)

    assert len(reads(llm)) >= 2


async def test_what_is_kept_and_cannot_be_read_is_asked_again(tmp_path: Path) -> None:
    pull = Pull(tmp_path)

    async with scripted(Rule(answer=ANSWER)) as (llm, model):
        await pull.push({"cart.py": BROKEN}, model)
        kept = pull.readings.by_subject["pull/7"]
        for text in ("", "{}x", '{"findings": [{"first": 99, "last": 99, "finding": {}}]}'):
            kept |= dict.fromkeys(kept, text)
            report = await pull.push({"cart.py": BROKEN}, model)
            assert len(report.findings) == 1

    assert len(reads(llm)) == 4


async def test_a_secret_of_several_lines_is_not_shown_by_halves(tmp_path: Path) -> None:
    """A key that is longer than a piece, and a push that touches its middle."""
    dashes = "-" * 5
    body = [f"{n:02}" + "aB3dE6gH9jK2mN5p" * 3 for n in range(90)]
    key = [f"{dashes}BEGIN PRIVATE KEY{dashes}", *body, f"{dashes}END PRIVATE KEY{dashes}"]
    pull = Pull(tmp_path)

    async with scripted(Rule(answer=NOTHING)) as (_, scripted_model):
        model = Overheard(scripted_model)
        report = await pull.push({"cart.py": CART, "key.pem": "\n".join(key)}, model)
        await pull.push({"cart.py": CART, "key.pem": "\n".join([*key[:45], "x" + key[45], *key[46:]])}, model)

    assert not any("aB3dE6gH9jK2mN5p" in question for question in model.questions)
    assert [(one.what, one.why) for one in report.skipped] == [
        ("secrets", "taken out before the model read the change: 1 private-key")
    ]


async def test_a_resumed_try_sees_what_the_first_one_saw(tmp_path: Path) -> None:
    """What is kept meanwhile, by itself or another run, must not change the groups that are paid for."""
    pull = Pull(tmp_path)

    async with scripted(Rule(answer=ANSWER)) as (llm, model):
        ctx = pull.context({"cart.py": BROKEN})
        first = await pull.report(ctx, model)
        again = await pull.report(ctx.next_attempt(), model)

    assert again == first
    assert len(reads(llm)) == 1


async def test_what_nobody_could_doubt_is_read_again(tmp_path: Path) -> None:
    """In the last try a second look that fails leaves the remarks as they are; they are not to stay so for ever."""
    pull = Pull(tmp_path)
    ctx = pull.context({"cart.py": BROKEN})
    ctx.attempt = MODEL_TRIES_MAX
    away = Rule(match="Judge each remark", status=503, body="busy")

    async with ScriptedLlm(Script(rules=(away, Rule(answer=ANSWER)), models=ROOMY)) as llm:
        settings = ModelSettings(model="first", api_key=SecretStr("sk-test"), base_url=llm.url)
        async with OpenAiModel(settings) as model:
            await pull.report(ctx, model)

    assert pull.readings.by_subject == {}


async def test_only_the_accounts_that_tell_most_are_taken_over(tmp_path: Path) -> None:
    pull = Pull(tmp_path)
    files: dict[str, Content] = {"cart.py": CART}

    async with scripted(*(Rule(match=f"FILE f{n}.py", answer=told(f"Push {n}.")) for n in range(12))) as (_, model):
        for n in range(11):
            files[f"f{n}.py"] = "x = 1\n" * (n + 1)
            await pull.push(files, model)
        report = await pull.push({**files, "f11.py": "x = 1\n" * 12}, model)

    assert len(report.walkthrough.split("\n\n")) == ACCOUNTS_MAX + 1
    assert "Push 10." in report.walkthrough
    assert "Push 0." not in report.walkthrough
