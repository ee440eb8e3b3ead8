"""Repository checks: what the repository's own CI says of a commit, as values, and whether that is final.

Promises that re-runs of one check on one commit are one check with several attempts, of which the newest counts, as
GitHub counts it; that a check is called required or optional only where the base branch's rules are known; and that
whatever is not finished has a name. Names are a stranger's text, made visible before they get here.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from pipeline.review.reports import PASSING, Report

PENDING: Final = "pending"
"""In place of a conclusion, until there is one."""

ACTIONS: Final = "github-actions"
"""The slug of GitHub's own CI, whose suite ends with its workflow: later jobs appear when earlier ones are done."""


class Check(Report):
    """One check of a commit; of several attempts, the newest."""

    name: str
    kind: Literal["run", "status"] = "run"
    id: int = 0
    suite: int = 0
    app: Annotated[str, Field(description="Slug of the App that runs it; empty for a status.")] = ""
    app_id: int = 0
    conclusion: str = PENDING
    title: Annotated[str, Field(description="What it says of itself in a line.")] = ""
    annotations: Annotated[int, Field(description="Remarks on lines that it made.")] = 0
    url: str = ""
    attempts: int = 1
    failed_before: Annotated[bool, Field(description="An earlier attempt on the same commit failed.")] = False

    @property
    def is_pending(self) -> bool:
        """Whether it has no conclusion yet."""
        return self.conclusion == PENDING

    @property
    def is_failed(self) -> bool:
        """Whether it says no."""
        return not self.is_pending and self.conclusion not in PASSING

    @property
    def is_flaky(self) -> bool:
        """Whether it failed on this very commit and passed when it was run again."""
        return self.failed_before and self.conclusion == "success"


class Requirement(Report):
    """A check that the base branch requires."""

    name: str
    app_id: Annotated[int | None, Field(description="Only this App's counts; None for anybody's.")] = None

    def fits(self, check: Check) -> bool:
        """Whether a check is the one that is required."""
        return check.name == self.name and self.app_id in {None, check.app_id}


class Required(Report):
    """What the base branch requires, as far as we may know."""

    checks: tuple[Requirement, ...] = ()
    is_whole: Annotated[bool, Field(description="All rules could be read, so what is not among them is optional.")] = (
        False
    )

    def of(self, check: Check) -> bool | None:
        """Whether a check is required; None if that is not known."""
        if any(one.fits(check) for one in self.checks):
            return True
        return False if self.is_whole else None


class Stage(StrEnum):
    """How far the checks of a commit are."""

    EMPTY = "empty"  # Nobody checks it, so far.
    RUNNING = "running"  # Something is under way.
    ABSENT = "absent"  # All that is there is done, but a required check has not appeared.
    DONE = "done"


class Seen(Report):
    """The checks of a commit at one look."""

    checks: tuple[Check, ...] = ()
    workflow_runs_on: Annotated[bool, Field(description="GitHub Actions has not finished: jobs may be to come.")] = (
        False
    )
    statuses_are_hidden: Annotated[bool, Field(description="Commit statuses may not be read.")] = False
    at: Annotated[float, Field(description="Unix seconds, so that who goes over it again decides alike.")] = 0.0

    def only(self, required: Required) -> "Seen":
        """Leave out what the base branch does not require; all of it stays if that is not known."""
        kept = tuple(one for one in self.checks if required.of(one) is not False)
        is_theirs = any(one.app == ACTIONS for one in kept)
        return self.model_copy(update={"checks": kept, "workflow_runs_on": self.workflow_runs_on and is_theirs})

    def missing(self, required: Required) -> tuple[str, ...]:
        """Name the required checks that are not there."""
        return tuple(one.name for one in required.checks if not any(one.fits(check) for check in self.checks))

    @property
    def pending(self) -> tuple[str, ...]:
        """Name what is not finished."""
        named = tuple(one.name for one in self.checks if one.is_pending)
        return (*named, "further jobs of GitHub Actions") if self.workflow_runs_on and not named else named

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that say no."""
        return tuple(one for one in self.checks if one.is_failed)

    def stage(self, required: Required) -> Stage:
        """Say how far they are."""
        if self.pending:
            return Stage.RUNNING
        if self.missing(required):
            return Stage.ABSENT
        return Stage.DONE if self.checks else Stage.EMPTY


def newest(attempts: Iterable[Check]) -> tuple[Check, ...]:
    """Join the attempts of each check: the newest speaks, the older ones are counted.

    GitHub gives each attempt a check run of its own, in the same suite and with the same name; ids grow.
    """
    groups: dict[tuple[str, int, str], list[Check]] = {}
    for one in attempts:
        groups.setdefault((one.kind, one.suite, one.name), []).append(one)
    return tuple(_join(sorted(group, key=lambda one: one.id)) for group in groups.values())


def base_conclusions(base: Sequence[Check]) -> dict[str, str]:
    """Say what the base's checks came to, by name; of several with one name, a failure speaks for all."""
    told: dict[str, str] = {}
    for one in base:
        if one.name not in told or one.is_failed:
            told[one.name] = one.conclusion
    return told


def _join(attempts: Sequence[Check]) -> Check:
    *older, last = attempts
    return last.model_copy(
        update={"attempts": len(attempts), "failed_before": any(one.conclusion in FAILURES for one in older)}
    )


FAILURES: Final = frozenset({"failure", "timed_out"})
"""What an attempt of a flaky check ends with; one that was cancelled says nothing."""
