"""Explanation: how a finding came about, from the records of the run that made it. No model is asked.

Promises that everything in it was recorded when the review was made: the claim, the code that it quotes, the rule of
the analyser with the page that documents it, which model read the change with how many turns and tool calls, and what
was decided on the way. What the records do not say is not said.
Does not promise that the finding is right; a second look that took it back would have taken it from the page.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

from pipeline.review.finding_text import name, place, short
from pipeline.review.findings import Finding
from pipeline.review.markdown import fence
from pipeline.review.pull.dismissals import Dismissal
from pipeline.review.redact import redact
from pipeline.review.reports import AnalysisReport
from pipeline.review.wording import count

RULE_PAGES: Final[Mapping[str, str]] = {
    "ruff": "https://docs.astral.sh/ruff/rules/{rule}/",
    "shellcheck": "https://www.shellcheck.net/wiki/{rule}",
    "zizmor": "https://docs.zizmor.sh/audits/#{rule}",
    "bandit": "https://bandit.readthedocs.io/en/latest/plugins/index.html",
}
"""Where our analysers document their rules. The only links of ours that leave the repository's host."""

DECISIONS_MAX: Final = 8
"""Decisions that are told; those that name the finding's file come first."""

_RULE: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
_LOOK: Final = re.compile(r"(?:stands|unsure|refuted): ")
_RULINGS: Final = {"stands": "it stands", "unsure": "it may not stand", "refuted": "it does not stand"}
"""How the journal begins what a second look said of a remark, and what that means."""

_MODEL: Final = "model"
_LOOKED_UP: Final = frozenset({"tool"})
_ASKED: Final = frozenset({"model", "turn"})
"""Steps of the stage analyze: a call of a tool; a question to the model, or a turn of a conversation with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """An entry of the run's journal."""

    kind: str
    detail: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a run recorded of the reading of a change."""

    tools: tuple[str, ...] = ()
    """Analysers, with their versions."""
    model: str | None = None
    steps: Mapping[str, int] = field(default_factory=dict)
    """How often each kind of step was taken."""
    decisions: tuple[str, ...] = ()

    @classmethod
    def of(cls, analysis: AnalysisReport | None, happened: Iterable[Happened]) -> "Provenance":
        """Gather it."""
        every = list(happened)
        steps = Counter(str(one.detail.get("name")) for one in every if one.kind == "step.finished")
        decisions = [str(one.detail.get("text")) for one in every if one.kind == "decision"]
        return cls(
            tools=analysis.tools if analysis else (),
            model=analysis.model if analysis else None,
            steps=steps,
            decisions=tuple(dict.fromkeys(decisions)),
        )


def evidence_text(finding: Finding, provenance: Provenance, dismissal: Dismissal | None) -> str:
    """Tell it as Markdown."""
    return "\n\n".join(_parts(finding, provenance, dismissal))


def rule_page(source: str) -> str | None:
    """Give the address that documents the rule that a finding names; None if there is none."""
    tool, _, rule = source.partition(":")
    if tool not in RULE_PAGES or not _RULE.fullmatch(rule):
        return None
    return RULE_PAGES[tool].format(rule=rule)


def _parts(finding: Finding, provenance: Provenance, dismissal: Dismissal | None) -> Iterator[str]:
    if finding.evidence.strip():
        yield f"**The code that it quotes**, {place(finding.path, finding.line, finding.line_end)}:"
        yield fence(redact(finding.evidence).text)
    yield f"**How it was found:** {_found(finding, provenance)}"
    looks = [text for text in provenance.decisions if _LOOK.match(text)]
    mine = next((text for text in looks if _is_about(text, finding)), None)
    if mine is not None:
        ruling, _, reason = mine.partition(f" {finding.title}: ")
        yield f"**A second look**, which tried to refute it: {_RULINGS[ruling.partition(':')[0]]}. {_sentence(reason)}"
    decisions = _decisions(finding, provenance) if finding.source == _MODEL else []
    if decisions:
        yield "\n".join(["**What was decided on the way**", "", *decisions])
    if dismissal is not None:
        why = f": {_sentence(dismissal.reason)}" if dismissal.reason.strip() else "."
        yield f"**Dismissed** by {name(f'@{dismissal.by}') if dismissal.by else 'somebody'}{why}"


def _found(finding: Finding, provenance: Provenance) -> str:
    if finding.source == _MODEL:
        return _by_model(finding, provenance)
    tool, _, rule = finding.source.partition(":")
    version = next((one for one in provenance.tools if one.split()[:1] == [tool]), tool)
    if not rule:
        return f"by {name(version)}."
    page = rule_page(finding.source)
    documented = f", [documented there]({page})" if page else ""
    return f"by {name(version)}, rule {name(rule)}{documented}. No model took part."


def _by_model(finding: Finding, provenance: Provenance) -> str:
    who = name(provenance.model) if provenance.model else "a model"
    asked = sum(provenance.steps.get(step, 0) for step in _ASKED)
    looked_up = sum(provenance.steps.get(step, 0) for step in _LOOKED_UP)
    calls = f" with {count(looked_up, 'tool call')}" if looked_up else ""
    work = f" The whole change took it {count(asked, 'turn')}{calls}." if asked else ""
    return f"by {who}, which is {finding.confidence:.0%} sure.{work}"


def _decisions(finding: Finding, provenance: Provenance) -> list[str]:
    """Tell the decisions, those that name the file first."""
    others = [text for text in provenance.decisions if not _LOOK.match(text)]
    named_first = sorted(others, key=lambda text: finding.path not in text)
    lines = [f"- {_sentence(text)}" for text in named_first[:DECISIONS_MAX]]
    more = len(others) - DECISIONS_MAX
    return [*lines, f"- and {count(more, 'more decision')}"] if more > 0 else lines


def _is_about(look: str, finding: Finding) -> bool:
    return f": {finding.path}:" in look and f" {finding.title}: " in look


def _sentence(text: str) -> str:
    return short(redact(text).text)
