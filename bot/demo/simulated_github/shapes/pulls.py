"""Shapes of pull requests, comments, reviews and reactions."""

from collections import Counter
from collections.abc import Iterable

from bot.demo.simulated_github.accounts import Account
from bot.demo.simulated_github.conversation import IssueComment, Reaction, Review, ReviewComment
from bot.demo.simulated_github.diffs import ChangedFile
from bot.demo.simulated_github.git_store import UnknownObject
from bot.demo.simulated_github.identifiers import node_id
from bot.demo.simulated_github.repositories import Pull, Repository
from bot.demo.simulated_github.shapes import accounts
from bot.demo.simulated_github.shapes.accounts import instant, user
from bot.demo.simulated_github.world import Json, World

CONTENTS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def pull_simple(world: World, pull: Pull, *, head: str | None = None) -> Json:
    """Give a `pull-request-simple`, as lists and webhooks show it.

    Args:
        world: Where it is.
        pull: The pull request.
        head: Head SHA to show instead of the newest.
    """
    api = f"{world.url}/repos/{pull.repository.full_name}"
    page = f"{world.url}/{pull.repository.full_name}/pull/{pull.number}"
    own, issue = f"{api}/pulls/{pull.number}", f"{api}/issues/{pull.number}"
    head = head or pull.head_sha
    urls = {
        "html": page,
        "issue": issue,
        "comments": f"{issue}/comments",
        "review_comments": f"{own}/comments",
        "review_comment": f"{api}/pulls/comments{{/number}}",
        "commits": f"{own}/commits",
        "statuses": f"{api}/statuses/{head}",
    }
    return {
        "id": pull.id,
        "node_id": node_id("PullRequest", pull.id),
        "number": pull.number,
        "state": pull.state,
        "locked": pull.locked,
        "active_lock_reason": None,
        "title": pull.title,
        "body": pull.body,
        "user": user(world, pull.author),
        "draft": pull.draft,
        "labels": labels(world, pull),
        "head": _side(world, pull.head_owner, pull.head_ref, head, pull.head_repository),
        "base": _side(world, pull.repository.owner, pull.base_ref, pull.base_sha, pull.repository),
        "created_at": instant(pull.created_at),
        "updated_at": instant(pull.updated_at),
        "closed_at": instant(pull.closed_at),
        "merged_at": instant(pull.merged_at),
        "merge_commit_sha": None,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "milestone": None,
        "auto_merge": None,
        "author_association": association(pull.repository, pull.author),
        "url": own,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        **{f"{name}_url": url for name, url in urls.items()},
        "_links": {name: {"href": url} for name, url in {"self": own, **urls}.items()},
    }


def pull_full(world: World, pull: Pull, *, head: str | None = None) -> Json:
    """Give a `pull-request`."""
    files = pull.repository.changes(pull)
    return {
        **pull_simple(world, pull, head=head),
        "merged": pull.merged_at is not None,
        "mergeable": True,
        "rebaseable": True,
        "mergeable_state": "clean",
        "merged_by": None,
        "comments": len(pull.comments),
        "review_comments": sum(pull.is_public(comment) for comment in pull.review_comments),
        "maintainer_can_modify": False,
        "commits": _count_commits(pull),
        "additions": sum(file.additions for file in files),
        "deletions": sum(file.deletions for file in files),
        "changed_files": len(files),
    }


def issue(world: World, pull: Pull) -> Json:
    """Give the `issue` that a pull request also is, with the `pull_request` that marks it."""
    api = f"{world.url}/repos/{pull.repository.full_name}"
    own = f"{api}/issues/{pull.number}"
    page = f"{world.url}/{pull.repository.full_name}/pull/{pull.number}"
    return {
        "id": pull.issue_id,
        "node_id": node_id("Issue", pull.issue_id),
        "number": pull.number,
        "state": pull.state,
        "state_reason": None,
        "title": pull.title,
        "body": pull.body,
        "user": user(world, pull.author),
        "labels": labels(world, pull),
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "locked": pull.locked,
        "active_lock_reason": None,
        "comments": len(pull.comments),
        "draft": pull.draft,
        "pull_request": {
            "url": f"{api}/pulls/{pull.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": instant(pull.merged_at),
        },
        "created_at": instant(pull.created_at),
        "updated_at": instant(pull.updated_at),
        "closed_at": instant(pull.closed_at),
        "author_association": association(pull.repository, pull.author),
        "url": own,
        "repository_url": api,
        "html_url": page,
        "labels_url": f"{own}/labels{{/name}}",
        "comments_url": f"{own}/comments",
        "events_url": f"{own}/events",
        "reactions": rollup(f"{own}/reactions", ()),
        "performed_via_github_app": None,
    }


def issue_comment(world: World, pull: Pull, comment: IssueComment) -> Json:
    """Give an `issue-comment`."""
    api = f"{world.url}/repos/{pull.repository.full_name}/issues"
    own = f"{api}/comments/{comment.id}"
    return {
        "id": comment.id,
        "node_id": node_id("IssueComment", comment.id),
        "url": own,
        "html_url": f"{world.url}/{pull.repository.full_name}/pull/{pull.number}#issuecomment-{comment.id}",
        "issue_url": f"{api}/{pull.number}",
        "user": user(world, comment.author),
        "body": comment.body,
        "created_at": instant(comment.created_at),
        "updated_at": instant(comment.updated_at),
        "author_association": association(pull.repository, comment.author),
        "reactions": rollup(f"{own}/reactions", comment.reactions),
        "performed_via_github_app": None if comment.app is None else accounts.app(world, comment.app),
    }


def review(world: World, pull: Pull, one: Review) -> Json:
    """Give a `pull-request-review`."""
    page = f"{world.url}/{pull.repository.full_name}/pull/{pull.number}#pullrequestreview-{one.id}"
    api = f"{world.url}/repos/{pull.repository.full_name}/pulls/{pull.number}"
    submitted = {} if one.submitted_at is None else {"submitted_at": instant(one.submitted_at)}
    return {
        "id": one.id,
        "node_id": node_id("Review", one.id),
        "user": user(world, one.author),
        "body": one.body,
        "state": one.state,
        "commit_id": one.commit_id,
        "html_url": page,
        "pull_request_url": api,
        "author_association": association(pull.repository, one.author),
        "_links": {"html": {"href": page}, "pull_request": {"href": api}},
        **submitted,
    }


def review_comment(world: World, pull: Pull, one: ReviewComment) -> Json:
    """Give a `pull-request-review-comment`."""
    api = f"{world.url}/repos/{pull.repository.full_name}/pulls"
    own, page = f"{api}/comments/{one.id}", f"{world.url}/{pull.repository.full_name}/pull/{pull.number}"
    html = f"{page}#discussion_r{one.id}"
    reply = {} if one.in_reply_to_id is None else {"in_reply_to_id": one.in_reply_to_id}
    return {
        "id": one.id,
        "node_id": node_id("ReviewComment", one.id),
        "pull_request_review_id": one.review_id,
        "url": own,
        "html_url": html,
        "pull_request_url": f"{api}/{pull.number}",
        "user": user(world, one.author),
        "body": one.body,
        "path": one.anchor.path,
        "diff_hunk": one.diff_hunk,
        "commit_id": one.commit_id,
        "original_commit_id": one.commit_id,
        "position": 1,
        "original_position": 1,
        "line": one.anchor.line,
        "original_line": one.anchor.line,
        "side": one.anchor.side,
        "start_line": one.anchor.start_line,
        "original_start_line": one.anchor.start_line,
        "start_side": one.anchor.start_side,
        "subject_type": "file" if one.anchor.line is None else "line",
        "created_at": instant(one.created_at),
        "updated_at": instant(one.updated_at),
        "author_association": association(pull.repository, one.author),
        "reactions": rollup(f"{own}/reactions", one.reactions),
        "_links": {
            "self": {"href": own},
            "html": {"href": html},
            "pull_request": {"href": f"{api}/{pull.number}"},
        },
        **reply,
    }


def reaction(world: World, one: Reaction) -> Json:
    """Give a `reaction`."""
    return {
        "id": one.id,
        "node_id": node_id("Reaction", one.id),
        "user": user(world, one.author),
        "content": one.content,
        "created_at": instant(one.created_at),
    }


def changed_file(world: World, repository: Repository, file: ChangedFile, sha: str) -> Json:
    """Give a `diff-entry`; `patch` is absent where git shows none."""
    page = f"{world.url}/{repository.full_name}"
    api = f"{world.url}/repos/{repository.full_name}/contents"
    shape: Json = {
        "sha": file.sha,
        "filename": file.path,
        "status": file.status,
        "additions": file.additions,
        "deletions": file.deletions,
        "changes": file.additions + file.deletions,
        "blob_url": f"{page}/blob/{sha}/{file.path}",
        "raw_url": f"{page}/raw/{sha}/{file.path}",
        "contents_url": f"{api}/{file.path}?ref={sha}",
    }
    if file.patch is not None:
        shape["patch"] = file.patch
    if file.previous_path is not None:
        shape["previous_filename"] = file.previous_path
    return shape


def labels(world: World, pull: Pull) -> list[Json]:
    """List the labels of a pull request."""
    return [label(world, pull, name, number) for name, number in pull.labels.items()]


def label(world: World, pull: Pull, name: str, number: int) -> Json:
    """Give a `label`."""
    return {
        "id": number,
        "node_id": node_id("Label", number),
        "url": f"{world.url}/repos/{pull.repository.full_name}/labels/{name}",
        "name": name,
        "description": "",
        "color": "ededed",
        "default": False,
        "archived_at": None,
        "archived_by": None,
    }


def association(repository: Repository, account: Account) -> str:
    """Give `author_association`, which misleads as GitHub's does: members whose membership is private show as NONE."""
    if account is repository.owner:
        return "OWNER"
    return "COLLABORATOR" if account.login in repository.access else "NONE"


def rollup(url: str, reactions: Iterable[Reaction]) -> Json:
    """Count reactions."""
    counts = Counter(str(one.content) for one in reactions)
    return {"url": url, "total_count": counts.total(), **{content: counts[content] for content in CONTENTS}}


def _side(world: World, owner: Account, ref: str, sha: str, repository: Repository | None) -> Json:
    """Give `head` or `base`; `repo` is null once a fork was deleted."""
    return {
        "label": f"{owner.login}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": user(world, owner),
        "repo": None if repository is None else accounts.repository(world, repository),
    }


def _count_commits(pull: Pull) -> int:
    try:
        return int(pull.repository.git.ask("rev-list", "--count", f"{pull.base_sha}..{pull.head_sha}"))
    except UnknownObject:
        return 0
