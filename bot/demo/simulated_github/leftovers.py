"""Leftovers: what an App left behind, counted, so that a test can end with "this and nothing else".

Counts only what the App's own user wrote. Reviews that GitHub wraps around single comments are no reviews of ours.
"""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from bot.demo.simulated_github.accounts import App
from bot.demo.simulated_github.checks import CheckRun
from bot.demo.simulated_github.conversation import IssueComment, Review, ReviewComment
from bot.demo.simulated_github.repositories import Pull
from bot.demo.simulated_github.world import World


class NotExactlyOne(AssertionError):
    """A pull request holds none or several of what it should hold one of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What stands on one pull request. `Left()` expects nothing."""

    comments: int = 0
    reviews: int = 0
    """Submitted ones."""
    pending_reviews: int = 0
    review_comments: int | None = None
    """Of submitted reviews and replies; None: any number."""
    check_runs: int | None = None
    """Over all heads; None: any number."""
    open_check_runs: int = 0
    repeated_reviews: int = 0
    """Submitted reviews beyond the first for one head."""
    repeated_check_runs: int = 0
    """Check runs beyond the first for one head and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Only:
    """The one comment and the one review of a pull request, where there is one."""

    comment: IssueComment | None
    review: Review | None
    inline: tuple[ReviewComment, ...]
    check_run: CheckRun | None
    """That of the newest head."""


def left_on(pull: Pull, app: App) -> Left:
    """Count what the App left on a pull request."""
    own = [review for review in pull.reviews if review.author is app.bot and not review.is_implicit]
    submitted = [review for review in own if review.state != "PENDING"]
    runs = check_runs(pull, app)
    public = [one for one in pull.review_comments if one.author is app.bot and pull.is_public(one)]
    return Left(
        comments=len(own_comments(pull, app)),
        reviews=len(submitted),
        pending_reviews=len(own) - len(submitted),
        review_comments=len(public),
        check_runs=len(runs),
        open_check_runs=sum(run.status != "completed" for run in runs),
        repeated_reviews=_repeated(review.commit_id for review in submitted),
        repeated_check_runs=_repeated((run.head_sha, run.name) for run in runs),
    )


def compare(world: World, app: App, expected: dict[Pull, Left]) -> list[str]:
    """Say in sentences where a pull request holds something else than expected; all others must hold nothing."""
    said: list[str] = []
    for pull in world.all_pulls():
        wanted, found = expected.get(pull, Left()), left_on(pull, app)
        for name in Left.__slots__:
            want, have = getattr(wanted, name), getattr(found, name)
            if want is not None and want != have:
                said.append(f"{pull.repository.full_name}#{pull.number}: {have} {name}, expected {want}")
    return said


def only(pull: Pull, app: App) -> Only:
    """Give the one comment and review of the App.

    Raises:
        NotExactlyOne: If there are several comments, reviews, or check runs of the newest head; or a pending review.
    """
    comments = own_comments(pull, app)
    reviews = [review for review in pull.reviews if review.author is app.bot and not review.is_implicit]
    runs = [run for run in check_runs(pull, app) if run.head_sha == pull.head_sha]
    for name, count in {"comments": len(comments), "reviews": len(reviews), "check runs": len(runs)}.items():
        if count > 1:
            raise NotExactlyOne(f"{pull.repository.full_name}#{pull.number} holds {count} {name} of {app.slug}.")
    if any(review.state == "PENDING" for review in reviews):
        raise NotExactlyOne(f"{pull.repository.full_name}#{pull.number} holds a pending review of {app.slug}.")
    review = reviews[0] if reviews else None
    inline = tuple(one for one in pull.review_comments if review is not None and one.review_id == review.id)
    return Only(
        comment=comments[0] if comments else None, review=review, inline=inline, check_run=runs[0] if runs else None
    )


def own_comments(pull: Pull, app: App) -> list[IssueComment]:
    """List the App's comments in the conversation."""
    return [comment for comment in pull.comments if comment.author is app.bot]


def check_runs(pull: Pull, app: App) -> list[CheckRun]:
    """List the App's check runs on every head that the pull request had."""
    return [run for run in pull.repository.check_runs if run.app is app and run.head_sha in pull.heads]


def _repeated(keys: Iterable[Hashable]) -> int:
    counts = Counter(keys)
    return counts.total() - len(counts)
