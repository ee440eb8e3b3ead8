"""Timeline: a pull request as a reader sees it, in plain text. Hidden markers (HTML comments) do not show."""

import re
from collections.abc import Iterator

from bot.demo.simulated_github.conversation import IssueComment, Review
from bot.demo.simulated_github.repositories import Pull

HIDDEN = re.compile(r"<!--.*?-->\s*", re.DOTALL)


def as_seen(pull: Pull) -> str:
    """Write a pull request down: title, checks of its head, then comments and reviews in their order."""
    return "\n".join(_lines(pull)).rstrip() + "\n"


def _lines(pull: Pull) -> Iterator[str]:
    state = "merged" if pull.merged_at else "draft" if pull.draft and pull.state == "open" else pull.state
    yield f"{pull.title} #{pull.number}  [{state}]"
    yield f"{pull.author.login} wants to merge {pull.head_owner.login}:{pull.head_ref} into {pull.base_ref}"
    if pull.body:
        yield from _indented(pull.body)
    yield ""
    yield from _check_lines(pull)
    entries: list[IssueComment | Review] = [*pull.comments, *pull.reviews]
    for entry in sorted(entries, key=lambda one: one.serial):
        yield from _comment_lines(entry) if isinstance(entry, IssueComment) else _review_lines(pull, entry)


def _check_lines(pull: Pull) -> Iterator[str]:
    runs = [run for run in pull.repository.check_runs if run.head_sha == pull.head_sha]
    for run in runs:
        yield f"check {run.name}: {run.conclusion or run.status}" + (f" - {run.title}" if run.title else "")
        if run.actions and run.conclusion:
            yield "  buttons: " + ", ".join(one["label"] for one in run.actions)
    if runs:
        yield ""


def _comment_lines(comment: IssueComment) -> Iterator[str]:
    edited = " (edited)" if comment.updated_at != comment.created_at else ""
    yield f"{comment.author.login} commented{edited}:"
    yield from _indented(comment.body)
    if comment.reactions:
        yield "  reactions: " + " ".join(f":{one.content}: by {one.author.login}" for one in comment.reactions)
    yield ""


def _review_lines(pull: Pull, review: Review) -> Iterator[str]:
    if review.state == "PENDING":
        return
    if not review.is_implicit:
        yield f"{review.author.login} reviewed {review.commit_id[:7]} ({review.state.lower()}):"
        yield from _indented(review.body)
    for comment in pull.review_comments:
        if comment.review_id == review.id:
            place = comment.anchor
            start = f"{place.start_line}-" if place.start_line else ""
            yield f"  {comment.author.login} on {place.path}:{start}{place.line or 'file'}"
            yield from _indented(comment.body, "    ")
    yield ""


def _indented(text: str, margin: str = "  ") -> Iterator[str]:
    shown = HIDDEN.sub("", text).strip()
    yield from (f"{margin}{line}".rstrip() for line in shown.splitlines())
