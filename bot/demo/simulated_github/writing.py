"""Writing: how objects come to be, for people's actions and for the App's calls alike. Checks nothing."""

from typing import Final

from bot.demo.simulated_github.accounts import Account, App
from bot.demo.simulated_github.checks import CheckRun, CheckSuite, CommitStatus
from bot.demo.simulated_github.conversation import (
    Anchor,
    IssueComment,
    Reaction,
    ReactionContent,
    Review,
    ReviewComment,
    ReviewState,
)
from bot.demo.simulated_github.repositories import Pull, Repository
from bot.demo.simulated_github.world import World

DONE: Final = "completed"


def write_comment(world: World, pull: Pull, author: Account, body: str) -> IssueComment:
    """Add a comment to the conversation."""
    now = world.instant()
    comment = IssueComment(
        id=world.ids.next("IssueComment"),
        serial=world.ids.serial,
        author=author,
        app=world.app_of(author),
        body=body,
        created_at=now,
        updated_at=now,
    )
    pull.comments.append(comment)
    return comment


def write_review(world: World, pull: Pull, author: Account, body: str, state: ReviewState, commit_id: str) -> Review:
    """Add a review."""
    review = Review(
        id=world.ids.next("Review"),
        serial=world.ids.serial,
        author=author,
        body=body,
        state=state,
        commit_id=commit_id,
        submitted_at=None if state == "PENDING" else world.instant(),
    )
    pull.reviews.append(review)
    return review


def write_review_comment(
    world: World, pull: Pull, review: Review, body: str, anchor: Anchor, *, in_reply_to_id: int | None = None
) -> ReviewComment:
    """Add a comment to a review, with the hunk that it stands in."""
    now = world.instant()
    files = {file.path: file for file in pull.repository.changes(pull, review.commit_id)}
    file = files.get(anchor.path)
    comment = ReviewComment(
        id=world.ids.next("ReviewComment"),
        serial=world.ids.serial,
        review_id=review.id,
        author=review.author,
        body=body,
        anchor=anchor,
        commit_id=review.commit_id,
        diff_hunk="" if file is None or anchor.line is None else file.hunk_at(anchor.side, anchor.line),
        in_reply_to_id=in_reply_to_id,
        created_at=now,
        updated_at=now,
    )
    pull.review_comments.append(comment)
    return comment


def react(
    world: World, comment: IssueComment | ReviewComment, author: Account, content: ReactionContent
) -> tuple[Reaction, bool]:
    """Add a reaction, or find the one that is there; the flag says whether it is new."""
    for one in comment.reactions:
        if one.author is author and one.content == content:
            return one, False
    reaction = Reaction(id=world.ids.next("Reaction"), author=author, content=content, created_at=world.instant())
    comment.reactions.append(reaction)
    return reaction, True


def suite_of(world: World, repository: Repository, app: App, sha: str) -> CheckSuite:
    """Find the suite of an App for a commit, or make it."""
    for suite in repository.suites:
        if suite.app is app and suite.head_sha == sha:
            return suite
    branch = next((pull.head_ref for pull in repository.pulls_of(sha) if pull.head_repository is repository), None)
    suite = CheckSuite(
        id=world.ids.next("CheckSuite"),
        serial=world.ids.serial,
        app=app,
        head_sha=sha,
        head_branch=branch,
        created_at=world.instant(),
    )
    repository.suites.append(suite)
    return suite


def write_check_run(world: World, repository: Repository, app: App, name: str, sha: str) -> CheckRun:
    """Add a queued check run."""
    suite = suite_of(world, repository, app, sha)
    run = CheckRun(
        id=world.ids.next("CheckRun"),
        serial=world.ids.serial,
        app=app,
        suite=suite,
        name=name,
        head_sha=sha,
        status="queued",
        started_at=world.instant(),
    )
    repository.check_runs.append(run)
    settle_suite(repository, suite)
    return run


def set_status(world: World, run: CheckRun, status: str, conclusion: str | None) -> None:
    """Move a check run; an unfinished one has no conclusion."""
    run.status = status
    run.conclusion = conclusion if status == DONE else None
    run.completed_at = world.instant() if status == DONE else None


def settle_suite(repository: Repository, suite: CheckSuite) -> None:
    """Let a suite say what its runs say."""
    runs = [run for run in repository.check_runs if run.suite is suite]
    if all(run.status == DONE for run in runs) and runs:
        suite.status = DONE
        failed = any(run.conclusion in {"failure", "timed_out", "cancelled", "action_required"} for run in runs)
        suite.conclusion = "failure" if failed else "success"
        return
    is_moving = any(run.status == "in_progress" for run in runs)
    suite.status, suite.conclusion = ("in_progress" if is_moving else "queued"), None


def write_status(
    world: World, repository: Repository, creator: Account, sha: str, *, state: str, context: str
) -> CommitStatus:
    """Add a commit status; the newest of a context counts."""
    status = CommitStatus(
        id=world.ids.next("Status"),
        serial=world.ids.serial,
        sha=sha,
        state=state,
        context=context,
        description=None,
        target_url=None,
        creator=creator,
        created_at=world.instant(),
    )
    repository.statuses.append(status)
    return status
