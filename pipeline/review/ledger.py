"""Ledger: to whose account a model call goes.

Promises that each call goes to four accounts, and that two runs of one pull request, one repository or one
installation share theirs for a day or a month. Does not promise that a call is booked once: whoever books does so by
the call's own name (the step that made it).

Days and months are those of UTC, as is everything that two processes must agree on.
"""

from dataclasses import dataclass
from datetime import date

from pipeline.review.reports import Spend


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """For whom a call is made."""

    run: str
    """Run id."""
    subject: str
    """`github/{host}/{repository_id}/{number}`, the pull request."""
    repository: str
    """`{host}/{repository_id}`; two hosts may have a repository of one number."""
    installation: str | None = None
    """`{host}/{installation_id}`; None for a review without GitHub."""


def accounts(payer: Payer, day: date) -> tuple[str, ...]:
    """Name the accounts that a call of this day goes to, the narrowest first."""
    of_installation = (f"installation/{payer.installation}/{day:%Y-%m}",) if payer.installation else ()
    return (
        f"run/{payer.run}",
        f"pull/{payer.subject}/{day:%Y-%m-%d}",
        f"repository/{payer.repository}/{day:%Y-%m-%d}",
        *of_installation,
    )


def entry(spend: Spend) -> dict[str, int]:
    """Write a spend as counters that a store adds up one by one; those that are 0 are left out."""
    return {name: amount for name, amount in spend.model_dump().items() if amount}


def balance(counters: dict[str, int]) -> Spend:
    """Read such counters back; those of a newer version are left out."""
    return Spend(**{name: amount for name, amount in counters.items() if name in Spend.model_fields})
