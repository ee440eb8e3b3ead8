"""Oracle: a pretended model that knows what is expected, to try out the measuring itself.

Its score says nothing of any model: with it, everything between a model's answer and the score is exercised (evidence,
anchors, the second pass, duplicates, limits), and what is lost there shows as a missed defect.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

from pydantic import SecretStr

from bot.demo.scripted_llm import Rule, Script
from bot.evaluation.cases import Case, Expected
from bot.settings_tree import Settings

Json: TypeAlias = Any  # A free JSON value.

MODEL: Final = "oracle"

OTHERS: Final = (
    Rule(match="Another reviewer made remarks about a change", answer={"verdicts": []}),
    Rule(match="made sentences of its documentation wrong", answer={"answers": []}),
    Rule(match="help the reader of a code review", answer={"what_changed": "What the case says.", "risks": []}),
)
"""What is asked besides: no remark is refuted, no sentence judged."""


def oracle(cases: Iterable[Case]) -> Script:
    """Write what the oracle says of each case: what is expected of it, and nothing else."""
    silence = Rule(answer={"walkthrough": "A change.", "findings": []})
    return Script(rules=(*OTHERS, *_rules(cases), silence))


def asking(settings: Settings, url: str) -> Settings:
    """Make settings by which the oracle is asked, and no model of the user's."""
    asked = {"name": MODEL, "base_url": url, "api_key": SecretStr("none"), "fallback_names": ()}
    return settings.model_copy(update={"model": settings.model.model_copy(update=asked)})


def _rules(cases: Iterable[Case]) -> Iterator[Rule]:
    for case in cases:
        seen = [one for one in case.expected if one.kind != "docs"]  # What stands in no changed file, rules find.
        for one in seen[:1]:
            findings = [_finding(case, each) for each in seen]
            yield Rule(match=one.quote.strip(), answer={"walkthrough": case.about, "findings": findings})


def _finding(case: Case, one: Expected) -> Json:
    line = case.line_of(one)
    return {
        "path": one.path,
        "line": line,
        "line_end": line,
        "severity": one.severity.value,
        "category": one.kind,
        "title": one.what[:100],
        "claim": one.what,
        "evidence": one.quote.strip(),
        "confidence": 0.9,
        "suggestion": None,
    }
