"""Decision: whether a pull request is reviewed, which stages run, and if not, why.

Promises one clause that a pull request can show, always the same for the same configuration and facts. Asks nobody:
who may ask for a review was settled before. What the facts do not tell (`paths`) decides nothing.

*By itself* is what an event starts; *asked* is a person's command or button. The first row that holds decides:

| what holds | by itself | asked |
| --- | --- | --- |
| the pull request is closed or merged | skip | skip |
| `paused` | skip | skip: whoever paused spoke for the repository |
| `stages` and `test.source` turn all three stages off | skip | skip |
| `triggers` starts nothing for this event, and no label of `triggers.labels` is there | skip | review |
| a draft, without `filters.drafts` | skip | review |
| from a fork, without `filters.forks` | skip | review |
| by a bot, without `filters.bots`, not named in `authors.include` | skip | review |
| the author is excluded, or not among those included | skip | review |
| the base branch is excluded, or not among those included | skip | review |
| a label is excluded, or none is among those included | skip | review |
| every path is ignored (`filters.ignore`) | skip | skip: nothing is left to read |
| more paths than `filters.files_max` | skip | review: the most important files are read |
| none of these | review | review |

`triggers` by event: `only_on_comment` starts nothing; else opening asks `on_open`, a new head `on_push`, ready for
review `on_ready`. Any other event only makes us look again at a head whose first event nobody remembers (a label, a
new base, a recovered delivery): it counts if `on_open` or `on_push` does, so that it never takes a review back.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from pipeline.review.configuration.glob import first_match
from pipeline.review.configuration.model import FILES_MAX, Configuration, Selection
from pipeline.review.configuration.problem import shown
from pipeline.review.patterns import read_patterns

ASK: Final = "comment `/onceover review` to have it reviewed anyway"
"""The next step where asking overrides."""

EDIT: Final = "in `.github/onceover.yml` of the base branch"
"""Where only the repository's maintainers can change it."""

ASKED: Final = frozenset({"command", "check_run.rerequested", "check_run.requested_action", "check_suite.rerequested"})
"""Triggers that are a person's wish."""


class SkipReason(StrEnum):
    """Why a run is skipped, as a name for programs and metrics."""

    CLOSED = "closed"
    PAUSED = "paused"
    NO_STAGE = "no_stage"
    NOT_TRIGGERED = "not_triggered"
    DRAFT = "draft"
    FORK = "fork"
    BOT = "bot"
    AUTHOR = "author"
    BASE_BRANCH = "base_branch"
    LABEL = "label"
    ALL_IGNORED = "all_ignored"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullFacts:
    """What the decision depends on, as GitHub tells it now."""

    draft: bool = False
    state: str = "open"
    """`open` or `closed`; merged ones are closed."""
    labels: tuple[str, ...] = ()
    author_login: str
    """With `[bot]` at the end, if it is one; empty if the account is gone."""
    author_is_bot: bool = False
    base_ref: str
    """The branch's name, without `refs/heads/`."""
    head_is_fork: bool = False
    """Also if the fork is gone."""
    trigger: str
    """Event and action, as `pull_request.opened`; `command` if a person asked by a comment."""
    paths: tuple[str, ...] | None = None
    """Every path that changes; None while it is not known. Only needed if `asks_for_paths`."""

    @property
    def is_asked(self) -> bool:
        """Whether a person asked for this review."""
        return self.trigger in ASKED


@dataclass(frozen=True, slots=True)
class Skip:
    """The pull request is not reviewed."""

    reason: SkipReason
    why: str
    """A clause that can follow `not reviewed:`."""
    next_step: str
    """What the reader can do, as a clause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done with a pull request."""

    skip: Skip | None = None
    off: Mapping[str, str] = field(default_factory=dict)
    """Stages that do not run, each with a clause that says why."""

    @property
    def not_wanted(self) -> str | None:
        """Say in one clause why there is no review and how to get one; None if it is reviewed."""
        return f"{self.skip.why}; {self.skip.next_step}" if self.skip else None


_Rule: TypeAlias = Callable[[Configuration, PullFacts], Skip | None]


def decide(configuration: Configuration, facts: PullFacts) -> Decision:
    """Decide by the first rule that holds; the module tells the table."""
    for rule, holds_when_asked in RULES:
        skip = rule(configuration, facts) if holds_when_asked or not facts.is_asked else None
        if skip is not None:
            return Decision(skip=skip)
    return Decision(off=dict(_stages_off(configuration)))


def asks_for_paths(configuration: Configuration) -> bool:
    """Whether `decide` makes use of the paths; if not, nobody need spend calls on reading them."""
    return bool(configuration.filters.ignore) or configuration.filters.files_max < FILES_MAX


def _closed(_configuration: Configuration, facts: PullFacts) -> Skip | None:
    if facts.state == "open":
        return None
    return Skip(SkipReason.CLOSED, "the pull request is closed", "reopen it to have it reviewed")


def _paused(configuration: Configuration, _facts: PullFacts) -> Skip | None:
    if not configuration.paused:
        return None
    reason = f" ({shown(configuration.paused_reason).rstrip('.')})" if configuration.paused_reason else ""
    return Skip(SkipReason.PAUSED, f"reviews of this repository are paused{reason}", f"set `paused: false` {EDIT}")


def _no_stage(configuration: Configuration, _facts: PullFacts) -> Skip | None:
    stages = configuration.stages
    if stages.analyze or stages.docs or (stages.test and configuration.test.source != "none"):
        return None
    return Skip(SkipReason.NO_STAGE, "the configuration turns every stage off", f"turn one on under `stages` {EDIT}")


def _not_triggered(configuration: Configuration, facts: PullFacts) -> Skip | None:
    triggers = configuration.triggers
    if any(label.casefold() in {one.casefold() for one in triggers.labels} for label in facts.labels):
        return None
    match facts.trigger:
        case _ if triggers.only_on_comment:
            why = "reviews start when asked for (`triggers.only_on_comment`)"
        case "pull_request.opened" if not triggers.on_open:
            why = "opening a pull request starts no review (`triggers.on_open`)"
        case "pull_request.synchronize" if not triggers.on_push:
            why = "a push starts no review (`triggers.on_push`)"
        case "pull_request.ready_for_review" if not triggers.on_ready:
            why = "marking a draft as ready starts no review (`triggers.on_ready`)"
        case event if event not in _OWN_SETTING and not (triggers.on_open or triggers.on_push):
            why = "neither opening nor a push starts a review (`triggers`)"
        case _:
            return None
    return Skip(SkipReason.NOT_TRIGGERED, why, ASK)


def _draft(configuration: Configuration, facts: PullFacts) -> Skip | None:
    if configuration.filters.drafts or not facts.draft:
        return None
    told = "the pull request is a draft (`filters.drafts`)"
    return Skip(SkipReason.DRAFT, told, "mark it as ready, or comment `/onceover review`")


def _fork(configuration: Configuration, facts: PullFacts) -> Skip | None:
    if configuration.filters.forks or not facts.head_is_fork:
        return None
    return Skip(SkipReason.FORK, "it comes from a fork (`filters.forks`)", ASK)


def _bot(configuration: Configuration, facts: PullFacts) -> Skip | None:
    filters = configuration.filters
    if filters.bots or not facts.author_is_bot or first_match(filters.authors.include, facts.author_login, fold=True):
        return None
    return Skip(SkipReason.BOT, f"its author `{shown(facts.author_login)}` is a bot (`filters.bots`)", ASK)


def _author(configuration: Configuration, facts: PullFacts) -> Skip | None:
    told = f"its author `{shown(facts.author_login)}`"
    why = _left(configuration.filters.authors, facts.author_login, told, "filters.authors")
    return Skip(SkipReason.AUTHOR, why, ASK) if why else None


def _base_branch(configuration: Configuration, facts: PullFacts) -> Skip | None:
    told = f"its base branch `{shown(facts.base_ref)}`"
    why = _left(configuration.filters.base_branches, facts.base_ref, told, "filters.base_branches", fold=False)
    return Skip(SkipReason.BASE_BRANCH, why, ASK) if why else None


def _label(configuration: Configuration, facts: PullFacts) -> Skip | None:
    chosen = configuration.filters.labels
    hit = next((label for label in facts.labels if first_match(chosen.exclude, label, fold=True)), None)
    if hit is not None:
        return Skip(SkipReason.LABEL, f"its label `{shown(hit)}` is excluded (`filters.labels.exclude`)", ASK)
    if chosen.include and not any(first_match(chosen.include, label, fold=True) for label in facts.labels):
        return Skip(SkipReason.LABEL, "it has no label that `filters.labels.include` names", ASK)
    return None


def _all_ignored(configuration: Configuration, facts: PullFacts) -> Skip | None:
    if not facts.paths or any(_watched(configuration, facts.paths)):
        return None
    told = "every path that it changes is ignored (`filters.ignore`)"
    return Skip(SkipReason.ALL_IGNORED, told, f"change that {EDIT} to have such paths reviewed")


def _too_large(configuration: Configuration, facts: PullFacts) -> Skip | None:
    files_max, paths = configuration.filters.files_max, facts.paths or ()
    watched = sum(_watched(configuration, paths)) if len(paths) > files_max else 0
    if watched <= files_max:
        return None
    told = f"it changes {watched:,} files, more than the {files_max:,} of `filters.files_max`"
    return Skip(
        SkipReason.TOO_LARGE, told, "split it, or comment `/onceover review` for a review of the most important ones"
    )


RULES: Final[tuple[tuple[_Rule, bool], ...]] = (
    (_closed, True),
    (_paused, True),
    (_no_stage, True),
    (_not_triggered, False),
    (_draft, False),
    (_fork, False),
    (_bot, False),
    (_author, False),
    (_base_branch, False),
    (_label, False),
    (_all_ignored, True),
    (_too_large, False),
)
"""The rows of the table, and whether each holds also when a person asked."""


_OWN_SETTING: Final = frozenset({"pull_request.opened", "pull_request.synchronize", "pull_request.ready_for_review"})
"""Events that `triggers` names one by one."""


def _left(chosen: Selection, name: str, told: str, setting: str, *, fold: bool = True) -> str:
    """Say why a name is left, as a clause; empty if it is taken."""
    if first_match(chosen.exclude, name, fold=fold):
        return f"{told} is excluded (`{setting}.exclude`)"
    if chosen.include and not first_match(chosen.include, name, fold=fold):
        return f"{told} is not among those of `{setting}.include`"
    return ""


def _watched(configuration: Configuration, paths: tuple[str, ...]) -> Iterator[bool]:
    """Tell of each path whether it is reviewed."""
    patterns = read_patterns(configuration.filters.ignore)
    return (patterns.meaning(path) is None for path in paths)


def _stages_off(configuration: Configuration) -> Iterator[tuple[str, str]]:
    if not configuration.stages.analyze:
        yield "analyze", "turned off by the configuration (`stages.analyze`)"
    if why := _test_off(configuration):
        yield "test", why
    if not configuration.stages.docs:
        yield "docs", "turned off by the configuration (`stages.docs`)"


def _test_off(configuration: Configuration) -> str:
    test = configuration.test
    if not configuration.stages.test:
        return "turned off by the configuration (`stages.test`)"
    if test.source == "none":
        return "turned off by the configuration (`test.source`)"
    return ""
