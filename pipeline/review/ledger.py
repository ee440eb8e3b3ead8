"""Ledger: to whose account a model call goes.

Promises that each call goes to the account of its run, pull request, repository, installation and model, and to that of
all together; and that two runs of one pull request, one repository or one installation share theirs for a day and for a
month. Does not promise that a call is booked once: whoever keeps the ledger sees to that.

Days and months are those of UTC, as is everything that two processes must agree on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from pipeline.review.reports import Spend

_GITHUB: Final = "github"
"""First word of the subject of a pull request: `github/{host}/{repository_id}/{number}`."""


class Scope(StrEnum):
    """Whose spending is kept account of."""

    RUN = "run"
    PULL = "pull"
    REPOSITORY = "repository"
    INSTALLATION = "installation"
    MODEL = "model"
    ALL = "all"


class Window(StrEnum):
    """For how long spending is added up."""

    DAY = "day"
    MONTH = "month"
    EVER = "ever"


WINDOWS: Final[Mapping[Scope, tuple[Window, ...]]] = {
    Scope.RUN: (Window.EVER,),
    Scope.PULL: (Window.DAY, Window.MONTH),
    Scope.REPOSITORY: (Window.DAY, Window.MONTH),
    Scope.INSTALLATION: (Window.DAY, Window.MONTH),
    Scope.MODEL: (Window.DAY, Window.EVER),
    Scope.ALL: (Window.DAY, Window.MONTH),
}
"""The windows that are kept for each scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """For whom a call is made."""

    run: str
    """Run id."""
    subject: str
    """`github/{host}/{repository_id}/{number}`, the pull request; of a local review, the branch."""
    repository: str
    """`{host}/{repository_id}`; two hosts may have a repository of one number."""
    installation: str | None = None
    """`{host}/{installation_id}`; None for a review without GitHub."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One sum that is kept."""

    scope: Scope
    whom: str
    """Run id, subject, repository, installation or model; empty for all."""
    period: str
    """`2026-11-30`, `2026-11`; empty for ever."""

    @property
    def name(self) -> str:
        """Name it; `parse` reads it back."""
        return "/".join((self.scope, self.period or "ever", self.whom))

    @classmethod
    def parse(cls, name: str) -> "Account | None":
        """Read a name back; None if it is none."""
        scope, _, rest = name.partition("/")
        period, _, whom = rest.partition("/")
        if scope not in list(Scope):
            return None
        return cls(scope=Scope(scope), whom=whom, period="" if period == "ever" else period)


def account(scope: Scope, whom: str, window: Window, day: date) -> Account:
    """Say where the spending of somebody in a window that holds this day is kept."""
    period = {Window.DAY: f"{day:%Y-%m-%d}", Window.MONTH: f"{day:%Y-%m}", Window.EVER: ""}[window]
    return Account(scope=scope, whom=whom, period=period)


def accounts(payer: Payer | None, model: str, day: date) -> tuple[Account, ...]:
    """Name the accounts that a call of this day goes to.

    Args:
        payer: For whom it was made; None if for nobody: such a call counts for the model, and among all.
        model: The one that was called.
        day: By Redis's clock.
    """
    whoms = {Scope.MODEL: model, Scope.ALL: ""}
    if payer is not None:
        whoms |= {Scope.RUN: payer.run, Scope.PULL: payer.subject, Scope.REPOSITORY: payer.repository}
        whoms |= {Scope.INSTALLATION: payer.installation} if payer.installation else {}
    return tuple(
        account(scope, whoms[scope], window, day) for scope in Scope if scope in whoms for window in WINDOWS[scope]
    )


def payer_of(run_id: str, subject: str, installation: int | None) -> Payer:
    """Say who pays for the calls of a run.

    Args:
        run_id: The run.
        subject: What it is about.
        installation: Through which it reaches GitHub, if it does.
    """
    kind, _, path = subject.partition("/")
    place, *rest = path.split("/")
    if kind != _GITHUB or not rest:
        return Payer(run=run_id, subject=subject, repository=f"{kind}/{place}")
    return Payer(
        run=run_id,
        subject=subject,
        repository=f"{place}/{rest[0]}",
        installation=None if installation is None else f"{place}/{installation}",
    )


def entry(spend: Spend) -> dict[str, int]:
    """Write a spend as counters that a store adds up one by one; those that are 0 are left out."""
    return {name: amount for name, amount in spend.model_dump().items() if amount}


def balance(counters: Mapping[str, int]) -> Spend:
    """Read such counters back; those of a newer version are left out."""
    return Spend(**{name: amount for name, amount in counters.items() if name in Spend.model_fields})
