"""Conversation: what people and bots write on a pull request."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from bot.demo.simulated_github.accounts import Account, App
from bot.demo.simulated_github.diffs import Side

ReviewState: TypeAlias = Literal["PENDING", "COMMENTED", "APPROVED", "CHANGES_REQUESTED", "DISMISSED"]
ReactionContent: TypeAlias = Literal["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """A small sign under a comment; one of each content per user."""

    id: int
    author: Account
    content: ReactionContent
    created_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class IssueComment:
    """A comment on the conversation page."""

    id: int
    serial: int
    author: Account
    app: App | None
    body: str
    created_at: datetime
    updated_at: datetime
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Where in the diff a comment stands: up to and with `line`; without one, on the whole file."""

    path: str
    line: int | None
    side: Side = "RIGHT"
    start_line: int | None = None
    start_side: Side | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class ReviewComment:
    """A comment on a line (or, without `line`, on a file) of the diff."""

    id: int
    serial: int
    review_id: int
    author: Account
    body: str
    anchor: Anchor
    commit_id: str
    diff_hunk: str
    in_reply_to_id: int | None
    created_at: datetime
    updated_at: datetime
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class Review:
    """A review; PENDING ones are seen by their author alone."""

    id: int
    serial: int
    author: Account
    body: str
    state: ReviewState
    commit_id: str
    submitted_at: datetime | None
    is_implicit: bool = False
    """GitHub wraps each single review comment and reply in a review of its own, with an empty body."""
