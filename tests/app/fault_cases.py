"""Cases of faults: the writes of the App to GitHub, and what may strike each of them.

Read by the tests, which play every write against every fault, and by the page `docs/reliability.md`, which tells them.
"""

from dataclasses import dataclass
from typing import Final

from bot.app_credentials import ALL_ROLES, Role
from bot.demo.simulated_github.faults import Fault
from bot.demo.simulated_github.leftovers import Left

OBEYING: Final = frozenset({Role.DOOR, Role.PUBLISHER})
"""Who obeys commands; nobody reviews, and no broker finds a pull request whose webhook is lost."""

REVIEWED: Final = Left(comments=1, check_runs=1)
REMARKED: Final = Left(comments=1, reviews=1, check_runs=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A write, and how it comes about."""

    name: str
    method: str
    path: str
    """Pattern of its path."""
    contains: str = ""
    act: str = "review"
    """What somebody does so that it happens."""
    roles: frozenset[Role] = ALL_ROLES
    """Who works."""
    left: Left = REVIEWED
    """What stands at the end."""
    stands: str
    """The same in words."""
    short: str
    """And in two."""
    mechanism: str
    """What keeps it from standing twice, or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """A fault, and how GitHub behaves besides."""

    name: str
    fault: Fault
    known: str
    """What the App can know then."""
    does: str
    """What it does."""
    lists_lag: bool = False
    """Whether GitHub's lists show what was just made only seconds later."""
    is_short: bool = False
    """Whether only the end of the client's patience ends it, so that the client has little."""


EFFECTS: Final = (
    Effect(
        name="check run created",
        method="POST",
        path=r"/check-runs$",
        stands="one check run, concluded",
        short="one check run",
        mechanism="ledger; found by name, commit and external id before it is made again",
    ),
    Effect(
        name="check run updated",
        method="PATCH",
        path=r"/check-runs/\d+$",
        stands="one check run, concluded",
        short="one check run",
        mechanism="mirror: shown again until it says what the run says",
    ),
    Effect(
        name="pending review created",
        method="POST",
        path=r"/pulls/\d+/reviews$",
        act="review with remarks",
        left=REMARKED,
        stands="one submitted review, none pending",
        short="one review",
        mechanism="GitHub allows one pending review; found by its marker and adopted",
    ),
    Effect(
        name="review submitted",
        method="POST",
        path=r"/reviews/\d+/events$",
        act="review with remarks",
        left=REMARKED,
        stands="one submitted review, none pending",
        short="one review",
        mechanism="submitted by the id in the ledger; the review itself says whether it was",
    ),
    Effect(
        name="summary created",
        method="POST",
        path=r"/issues/\d+/comments$",
        stands="one summary",
        short="one summary",
        mechanism="ledger; looked for by its marker, with patience for lists that lag",
    ),
    Effect(
        name="summary edited",
        method="PATCH",
        path=r"/issues/comments/\d+$",
        act="push",
        left=Left(comments=1, check_runs=2),
        stands="one summary, about the newest head",
        short="one summary",
        mechanism="edited by the id in the ledger, until it says what it should",
    ),
    Effect(
        name="answer to a command",
        method="POST",
        path=r"/issues/\d+/comments$",
        act="command",
        roles=OBEYING,
        left=Left(comments=1, check_runs=0),
        stands="one answer",
        short="one answer",
        mechanism="ledger; looked for by the marker of its command",
    ),
    Effect(
        name="reaction to a command",
        method="POST",
        path=r"/comments/\d+/reactions$",
        act="command",
        roles=OBEYING,
        left=Left(comments=1, check_runs=0),
        stands="one reaction",
        short="one reaction",
        mechanism="GitHub keeps one of a kind; given again until it is there",
    ),
)

UNKNOWN: Final = "nothing: it may be done or not"
LOOKS: Final = "looks for what it may have made, and only then writes again"
UNDONE: Final = "it is certainly not done"
PARKS: Final = "asks GitHub nothing until the time is over, holding no worker, and writes then"

STRIKES: Final = (
    Strike(name="refused with 500", known=UNKNOWN, does=LOOKS, fault=Fault(kind="refuse", status=500)),
    Strike(
        name="refused with 502 three times", known=UNKNOWN, does=LOOKS, fault=Fault(kind="refuse", status=502, times=3)
    ),
    Strike(name="done, then 502", known=UNKNOWN, does=LOOKS, fault=Fault(kind="apply_then_status", status=502)),
    Strike(name="no answer, not done", known=UNKNOWN, does=LOOKS, fault=Fault(kind="hang"), is_short=True),
    Strike(name="no answer, done", known=UNKNOWN, does=LOOKS, fault=Fault(kind="hang_after"), is_short=True),
    Strike(name="connection cut, not done", known=UNKNOWN, does=LOOKS, fault=Fault(kind="cut")),
    Strike(name="connection cut, done", known=UNKNOWN, does=LOOKS, fault=Fault(kind="cut_after")),
    Strike(name="answer cut in the middle", known=UNKNOWN, does=LOOKS, fault=Fault(kind="truncate")),
    Strike(
        name="done, lists lag",
        known="nothing, and the lists do not tell yet",
        does="looks again once lists can be believed, and only then writes again",
        fault=Fault(kind="cut_after"),
        lists_lag=True,
    ),
    Strike(
        name="not done, lists lag",
        known="nothing, and the lists do not tell yet",
        does="looks again once lists can be believed, and only then writes again",
        fault=Fault(kind="cut"),
        lists_lag=True,
    ),
    Strike(
        name="secondary limit, told for how long",
        known=UNDONE,
        does=PARKS,
        fault=Fault(kind="secondary_limit", retry_after_seconds=30),
    ),
    Strike(name="secondary limit, untold", known=UNDONE, does=PARKS, fault=Fault(kind="secondary_limit", times=2)),
    Strike(name="hourly limit", known=UNDONE, does=PARKS, fault=Fault(kind="primary_limit", retry_after_seconds=600)),
    Strike(
        name="token not known yet",
        known=UNDONE,
        does="waits some seconds, or takes a new token, and writes",
        fault=Fault(kind="refuse", status=401, body='{"message": "Bad credentials"}'),
    ),
)
