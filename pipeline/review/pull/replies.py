"""Replies: what a command is answered with: a reaction at once, and words where words help.

Promises that each text says what was done, or why not, for which commit, and ends with what the reader can do next;
that nothing of the command is repeated but words of ours; and that who has no right is answered with a reaction and no
text, so that a stranger cannot make us talk (security case 15).
Does not promise where a text stands: in the summary comment where that can be, beside the command elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pipeline.review.finding_text import ID_CHARACTERS, Link, finding_text, name, no_link, short, short_id
from pipeline.review.findings import Finding
from pipeline.review.fitting import COMMENT_CHARACTERS_MAX, Block, Section, fit
from pipeline.review.markdown import clip, code, fence, inline
from pipeline.review.page_blocks import HEADLINE_CHARACTERS_MAX
from pipeline.review.pull.command import FOR_EVERYBODY, UNDO, USAGE, Command
from pipeline.review.pull.dismissals import Dismissal
from pipeline.review.pull.explanation import Provenance, evidence_text
from pipeline.review.pull.marker import Marker, write_marker
from pipeline.review.pull.named_finding import NEAREST_MAX
from pipeline.review.pull.stage_table import StageRow, moment, stage_table
from pipeline.review.redact import redact
from pipeline.review.rendering import SHA_CHARACTERS

Reaction: TypeAlias = Literal["+1", "-1", "eyes", "confused", "rocket"]
"""Those of GitHub's that we use; to react twice changes nothing."""

MEANINGS: Final = {
    "review": "review the newest commit; `--fresh` does everything anew, even what is done",
    "rerun": "run a stage again, and what builds on it: `analyze`, `test`, `docs`, `summarize`, `comment`",
    "status": "tell how the review stands",
    "cancel": "stop the review of the newest commit",
    "pause": "review nothing on this pull request until `resume`",
    "resume": "review this pull request again",
    "config": "show the configuration as it is understood",
    "explain": "tell a finding whole, and how it came about",
    "dismiss": "no longer tell a finding on this pull request; `--undo` takes that back",
    "help": "this list",
}

_BODY: Final = Section(name="body")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How a command is answered."""

    reaction: Reaction
    text: str | None
    """Markdown, ending with what the reader can do next; None for a reaction alone."""


def answer_body(marker: Marker, reply: Reply) -> str | None:
    """Write a reply as a comment of its own, by the marker of which a second one is avoided; None if it has no text."""
    return None if reply.text is None else f"{write_marker(marker)}\n{reply.text}"


def refused() -> Reply:
    """Answer somebody who may not command: seen, and no."""
    return Reply(reaction="-1", text=None)


def accepted(command: Command, head: str) -> Reply:
    """Answer a command that is being done.

    Args:
        command: One without a problem.
        head: The SHA that it is about, read after the right was checked.
    """
    commit = _commit(head)
    what = command.arguments[0] if command.arguments else ""
    texts = {
        "review": f"Reviewing commit {commit}{' afresh' if command.fresh else ''}. {_WATCH}",
        "rerun": f"Commit {commit}: {_rerun(what)}{', all of it afresh' if command.fresh else ''}. {_WATCH}",
        "cancel": f"The review of commit {commit} is cancelled. `/onceover review` starts it again.",
        "pause": "Reviews of this pull request are paused. `/onceover resume` ends the pause.",
        "resume": f"Reviews go on, with commit {commit}. {_WATCH}",
    }
    return Reply(reaction="rocket", text=texts.get(command.verb, f"Done. {_HELP}"))


def not_understood(command: Command) -> Reply:
    """Answer a command that has a problem."""
    return Reply(reaction="confused", text=f"{command.problem or 'That was not understood.'} {_HELP}")


def helped() -> Reply:
    """Answer `help`."""
    lines = [f"- `/onceover {usage}`: {MEANINGS[verb]}" for verb, usage in USAGE.items()]
    everybody = " and ".join(f"`{verb}`" for verb in USAGE if verb in FOR_EVERYBODY)
    rights = f"{everybody} are for everybody; the others need write permission on this repository."
    how = "A command stands at the start of a line, outside quotes and code; the first one of a comment counts."
    text = "\n\n".join(["**What Onceover understands**", "\n".join(lines), rights, how])
    return Reply(reaction="+1", text=text)


def status(stages: Sequence[StageRow], *, head: str, words: str, now_ms: int, next_attempt_ms: int | None) -> Reply:
    """Answer `status`.

    Args:
        stages: As they stand; none if the commit has no run.
        head: The newest commit.
        words: How the run stands, in a sentence or two; may hold a stranger's words.
        now_ms: Unix milliseconds.
        next_attempt_ms: When it goes on by itself, if that is known.
    """
    lead = (
        f"Commit {_commit(head)}: {_sentence(words).removesuffix('.')}."
        if stages
        else f"Commit {_commit(head)} was not reviewed yet."
    )
    attempt = "" if next_attempt_ms is None else f" The next attempt comes at {moment(next_attempt_ms, now_ms=now_ms)}."
    next_step = "`/onceover rerun failed` repeats what failed." if stages else "`/onceover review` starts a review."
    return Reply(reaction="+1", text=_page(lead + attempt, "\n".join(stage_table(stages, now_ms=now_ms)), next_step))


def config_seen(configuration: str, *, source: str, problems: Sequence[str]) -> Reply:
    """Answer `config`.

    Args:
        configuration: The effective one, as YAML.
        source: Where it came from, as `.github/onceover.yml of main`.
        problems: What is wrong with it, one a sentence.
    """
    lead = f"The configuration as it is understood, from {short(source)}."
    mistakes = [f"- {short(redact(problem).text)}" for problem in problems]
    body = "\n\n".join(filter(None, ["\n".join(mistakes), fence(redact(configuration).text, language="yaml")]))
    next_step = "To change it, change `.github/onceover.yml` on the base branch; what a pull request says is not read."
    return Reply(reaction="+1", text=_page(lead, body, next_step))


def explained(
    finding: Finding, provenance: Provenance, dismissal: Dismissal | None = None, *, link: Link = no_link
) -> Reply:
    """Answer `explain`.

    Args:
        finding: Which.
        provenance: What its run recorded.
        dismissal: What somebody said of it.
        link: Gives the address of its lines.
    """
    clean = finding.model_copy(
        update={
            "title": redact(finding.title).text,
            "claim": redact(finding.claim).text,
            "suggestion": None if finding.suggestion is None else redact(finding.suggestion).text,
        }
    )
    body = f"{finding_text(clean, link)}\n\n{evidence_text(finding, provenance, dismissal)}"
    identity = short_id(finding)
    undo = f"`/onceover dismiss {identity} {UNDO}` has it told again."
    next_step = undo if dismissal else f"Not right? `/onceover dismiss {identity}` and a reason."
    return Reply(reaction="+1", text=_page("", body, next_step))


def dismissed(finding: Finding, reason: str) -> Reply:
    """Answer `dismiss`: what is no longer told, and why."""
    why = f" Reason: {_sentence(reason)}" if reason.strip() else ""
    text = f"{_named(finding)} is dismissed on this pull request, and asks for no changes any more.{why}"
    return Reply(reaction="+1", text=f"{text}\n\n`/onceover dismiss {short_id(finding)} {UNDO}` takes that back.")


def undismissed(fingerprint: str, head: str) -> Reply:
    """Answer `dismiss --undo`."""
    text = f"Finding {code(fingerprint[:ID_CHARACTERS])} is told again, if commit {_commit(head)} still has it."
    return Reply(reaction="+1", text=f"{text}\n\n{_HELP}")


def not_dismissed(beginning: str, dismissed_ones: Sequence[str]) -> Reply:
    """Answer `dismiss --undo` for what is not dismissed, or not the only one that begins so."""
    ids = ", ".join(code(one[:ID_CHARACTERS]) for one in dismissed_ones[:NEAREST_MAX])
    there = f"Dismissed are {ids}." if ids else "No finding is."
    text = f"{code(beginning)} names no single dismissed finding of this pull request. {there}"
    return Reply(reaction="confused", text=f"{text} {_HELP}")


def no_such_finding(beginning: str, head: str, nearest: Sequence[Finding]) -> Reply:
    """Answer a command about a finding that the review does not have, or about more than one.

    Args:
        beginning: What was written.
        head: The newest commit.
        nearest: Which may be meant.
    """
    text = f"The review of commit {_commit(head)} has no single finding {code(beginning)}."
    lines = [f"- {code(short_id(one))} {inline(redact(one.title).text) or 'Untitled'}" for one in nearest]
    body = "\n\n".join(["There are:", "\n".join(lines)]) if lines else "It has none at all."
    return Reply(reaction="confused", text=_page(text, body, "Ids stand at the end of each finding."))


def stale(asked: str, newest: str) -> Reply:
    """Answer a command about a commit that is no longer the newest."""
    text = f"That was about commit {_commit(asked)}; the newest is {_commit(newest)}, so nothing was done."
    return Reply(reaction="confused", text=f"{text} `/onceover review` reviews the newest.")


def nothing_to_do(command: Command, head: str) -> Reply:
    """Answer a command that finds everything done already."""
    commit = _commit(head)
    texts = {
        "review": f"Commit {commit} is reviewed, and nothing changed since. `/onceover review --fresh` does it anew.",
        "rerun": f"Nothing of commit {commit} failed. `/onceover rerun all` runs every stage again.",
        "cancel": f"No review of commit {commit} is under way. `/onceover review` starts one.",
        "pause": "Reviews of this pull request are paused already. `/onceover resume` ends the pause.",
        "resume": "Reviews of this pull request are not paused. `/onceover review` starts one.",
    }
    return Reply(reaction="+1", text=texts.get(command.verb, f"There is nothing to do. {_HELP}"))


def cannot_now(why: str) -> Reply:
    """Answer a command that was understood and cannot be done.

    Args:
        why: One or two sentences: a closed pull request, a limit, an outage.
    """
    return Reply(reaction="confused", text=f"This cannot be done now: {_sentence(why)} {_HELP}")


_WATCH: Final = "The check run `Onceover` shows how it goes; `/onceover cancel` stops it."
_HELP: Final = "`/onceover help` tells what can be asked."


def _rerun(what: str) -> str:
    if what == "all":
        return "all stages run again"
    return "what failed runs again" if what == "failed" else f"`{what}` runs again, and what builds on it"


def _commit(head: str) -> str:
    return name(head[:SHA_CHARACTERS])


def _named(finding: Finding) -> str:
    return f"**{inline(redact(finding.title).text) or 'Untitled'}** ({code(short_id(finding))})"


def _sentence(text: str) -> str:
    return inline(clip(redact(text).text, HEADLINE_CHARACTERS_MAX))


def _page(lead: str, body: str, next_step: str) -> str:
    """Put a longer answer together within GitHub's limit; room is left for the marker."""
    blocks = [Block(section=_BODY, text=body, value=1, noun="part")] if body else []
    return fit(lead, blocks, next_step, characters_max=COMMENT_CHARACTERS_MAX // 2).strip()
