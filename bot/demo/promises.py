"""Promises: what the App's demo must have shown, each as a sentence that holds or does not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.demo.scripted_llm import Call
from bot.demo.simulated_github.leftovers import Left


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the demonstration showed."""

    first_answer: str
    """The door's outcome for the delivery."""
    entries: int
    """Entries in the journal of the run that it became."""
    second_answer: str
    """The same, delivered again."""
    left: Left
    """What stands on the pull request."""
    conclusion: str | None
    """Of the check run."""
    answered_before: int
    """Model calls that were answered before the worker was killed."""
    asked_again: int
    """Prompts of those that were asked again after it."""
    refusals: int
    """502s that GitHub answered after it had written the comment."""
    comments_asked: int
    """Requests to write a comment."""
    calls: int
    """Requests to GitHub's API."""
    writes: int
    """Those of them that ask for a change."""
    took_back: bool
    """Whether the journal tells that the run was taken back from a dead process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One of them."""

    says: str
    holds: bool


def promises(shown: Shown) -> Sequence[Promise]:
    """List them, in the order of the story."""
    left, before = shown.left, shown.answered_before
    return (
        Promise(
            says="the webhook was accepted and became a run",
            holds=shown.first_answer == "accepted" and shown.entries > 0,
        ),
        Promise(says="the same delivery once more changed nothing", holds=shown.second_answer == "duplicate"),
        Promise(says="the dead worker's run was taken back", holds=shown.took_back),
        Promise(
            says=f"model calls answered before the kill: {before}, asked again after it: {shown.asked_again}",
            holds=before >= 1 and shown.asked_again == 0,
        ),
        Promise(
            says="the comment that GitHub wrote and answered with 502 was not written twice",
            holds=(shown.refusals, shown.comments_asked) == (1, 1),
        ),
        Promise(
            says=f"on the pull request: comments {left.comments}, reviews {left.reviews}, check runs {left.check_runs}",
            holds=(left.comments, left.reviews, left.check_runs, left.pending_reviews) == (1, 1, 1, 0),
        ),
        Promise(
            says=f"the check run is concluded: {shown.conclusion}",
            holds=shown.conclusion == "failure" and left.open_check_runs == 0,
        ),
    )


def asked_again(before: Iterable[Call], after: Iterable[Call]) -> int:
    """Count the calls whose prompt had been answered already."""
    known = {call.prompt for call in before}
    return sum(call.prompt in known for call in after)
