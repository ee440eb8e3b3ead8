"""Cases: each typed call once, with what it sends and what may come back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipeline.services.github.checks import Action, Checks, CheckState
from pipeline.services.github.ci import ContinuousIntegration
from pipeline.services.github.comments import Comments
from pipeline.services.github.models import ReviewComment
from pipeline.services.github.pulls import Pulls
from pipeline.services.github.repositories import Repositories
from pipeline.services.github.reviews import InlineComment, Reviews
from tests.services.github.small_github import REPO, SHA, SHOP, World, comment, pull

REVIEW = {"id": 4, "state": "PENDING", "body": "<!-- m -->", "commit_id": SHA, "user": {"id": 9, "login": "o[bot]"}}
INLINE = {"id": 6, "body": "x", "path": "a.py", "line": 3, "side": "RIGHT", "user": None}
CHECK = {
    "id": 8,
    "name": "Onceover",
    "head_sha": SHA,
    "external_id": "r_1",
    "status": "in_progress",
    "conclusion": None,
    "app": {"id": 31, "slug": "onceover"},
    "output": {"title": None, "summary": None},
}
AT = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One call: what is asked, what is sent, what comes back."""

    call: Callable[[World], Awaitable[object]]
    route: str
    says: Any = field(default_factory=dict)
    status: int = 200
    sent: Any = None
    query: dict[str, str] = field(default_factory=dict)


def repositories(world: World) -> Repositories:
    """Bind the calls to the shop."""
    return Repositories(github=world.github, place=SHOP)


def pulls(world: World) -> Pulls:
    """Bind the calls to the shop."""
    return Pulls(github=world.github, place=SHOP)


def comments(world: World) -> Comments:
    """Bind the calls to the shop."""
    return Comments(github=world.github, place=SHOP)


def reviews(world: World) -> Reviews:
    """Bind the calls to the shop."""
    return Reviews(github=world.github, place=SHOP)


def checks(world: World) -> Checks:
    """Bind the calls to the shop."""
    return Checks(github=world.github, place=SHOP)


def ci(world: World) -> ContinuousIntegration:
    """Bind the calls to the shop."""
    return ContinuousIntegration(github=world.github, place=SHOP)


PAGE = {"per_page": "100"}
STATE = CheckState(
    conclusion="neutral",
    title="Done",
    summary="All",
    annotations=[{"path": "a.py", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "x"}],
    actions=[Action(label="Again", description="Review again", identifier="rerun")],
    external_id="r_1",
    completed_at=AT,
)

CASES = [
    Case(call=lambda w: repositories(w).repository(), route=f"GET {REPO}", says={"id": 1, "full_name": "acme/shop"}),
    Case(
        call=lambda w: repositories(w).content(".github/once over.yml", ref="main"),
        route=f"GET {REPO}/contents/.github/once%20over.yml",
        says=b"stages: {}",
        query={"ref": "main"},
    ),
    Case(
        call=lambda w: repositories(w).has_commit(SHA),
        route=f"GET {REPO}/commits/{SHA}",
        says={"sha": SHA},
        query={"per_page": "1"},
    ),
    Case(
        call=lambda w: repositories(w).merge_base("main", SHA),
        route=f"GET {REPO}/compare/main...{SHA}",
        says={"merge_base_commit": {"sha": "b" * 40}},
        query={"per_page": "1", "page": "2"},
    ),
    Case(
        call=lambda w: repositories(w).permission("ada"),
        route=f"GET {REPO}/collaborators/ada/permission",
        says={"permission": "write", "role_name": "maintain"},
    ),
    Case(call=lambda w: pulls(w).pull(12), route=f"GET {REPO}/pulls/12", says=pull()),
    Case(
        call=lambda w: pulls(w).open_pulls(),
        route=f"GET {REPO}/pulls",
        says=[pull()],
        query={"state": "open", "sort": "updated", "direction": "desc", **PAGE},
    ),
    Case(
        call=lambda w: pulls(w).files(12),
        route=f"GET {REPO}/pulls/12/files",
        says=[{"filename": "a.png", "status": "added"}],
        query=PAGE,
    ),
    Case(
        call=lambda w: comments(w).comments(12, since=AT),
        route=f"GET {REPO}/issues/12/comments",
        says=[comment()],
        query={"since": "2026-09-01T12:00:00Z", **PAGE},
    ),
    Case(call=lambda w: comments(w).comment(1), route=f"GET {REPO}/issues/comments/1", says=comment()),
    Case(
        call=lambda w: comments(w).create(12, "Hello"),
        route=f"POST {REPO}/issues/12/comments",
        says=comment(),
        status=201,
        sent={"body": "Hello"},
    ),
    Case(
        call=lambda w: comments(w).update(12, 1, "New"),
        route=f"PATCH {REPO}/issues/comments/1",
        says=comment(),
        sent={"body": "New"},
    ),
    Case(call=lambda w: comments(w).delete(12, 1), route=f"DELETE {REPO}/issues/comments/1", status=204),
    Case(call=lambda w: comments(w).delete_inline(12, 6), route=f"DELETE {REPO}/pulls/comments/6", status=204),
    Case(
        call=lambda w: comments(w).inline_comments(12), route=f"GET {REPO}/pulls/12/comments", says=[INLINE], query=PAGE
    ),
    Case(call=lambda w: comments(w).inline_comment(6), route=f"GET {REPO}/pulls/comments/6", says=INLINE),
    Case(
        call=lambda w: comments(w).reply(12, ReviewComment(id=6, path="a.py", commit_id=SHA), "Yes"),
        route=f"POST {REPO}/pulls/12/comments",
        says=INLINE,
        status=201,
        sent={"body": "Yes", "in_reply_to": 6, "path": "a.py", "commit_id": SHA},
    ),
    Case(
        call=lambda w: comments(w).react(12, 1, "eyes"),
        route=f"POST {REPO}/issues/comments/1/reactions",
        says={"id": 2, "content": "eyes"},
        sent={"content": "eyes"},
    ),
    Case(
        call=lambda w: comments(w).react_inline(12, 6, "eyes"),
        route=f"POST {REPO}/pulls/comments/6/reactions",
        says={"id": 2, "content": "eyes"},
        status=201,
        sent={"content": "eyes"},
    ),
    Case(call=lambda w: reviews(w).reviews(12), route=f"GET {REPO}/pulls/12/reviews", says=[REVIEW], query=PAGE),
    Case(call=lambda w: reviews(w).review(12, 4), route=f"GET {REPO}/pulls/12/reviews/4", says=REVIEW),
    Case(
        call=lambda w: reviews(w).create_pending(
            12,
            commit_id=SHA,
            body="<!-- m -->",
            comments=[
                InlineComment(path="a.py", line=3, body="x", start_line=2),
                InlineComment(path="a.py", line=3, body="y", start_line=3),
            ],
        ),
        route=f"POST {REPO}/pulls/12/reviews",
        says=REVIEW,
        sent={
            "commit_id": SHA,
            "body": "<!-- m -->",
            "comments": [
                {"path": "a.py", "line": 3, "side": "RIGHT", "body": "x", "start_line": 2, "start_side": "RIGHT"},
                {"path": "a.py", "line": 3, "side": "RIGHT", "body": "y"},
            ],
        },
    ),
    Case(
        call=lambda w: reviews(w).submit(12, 4),
        route=f"POST {REPO}/pulls/12/reviews/4/events",
        says={**REVIEW, "state": "COMMENTED"},
        sent={"event": "COMMENT"},
    ),
    Case(call=lambda w: reviews(w).delete_pending(12, 4), route=f"DELETE {REPO}/pulls/12/reviews/4", says=REVIEW),
    Case(
        call=lambda w: reviews(w).update_body(12, 4, "New"),
        route=f"PUT {REPO}/pulls/12/reviews/4",
        says=REVIEW,
        sent={"body": "New"},
    ),
    Case(
        call=lambda w: reviews(w).comments(12, 4),
        route=f"GET {REPO}/pulls/12/reviews/4/comments",
        says=[INLINE],
        query=PAGE,
    ),
    Case(
        call=lambda w: checks(w).find(SHA, name="Onceover", app_id=31, external_id="r_1"),
        route=f"GET {REPO}/commits/{SHA}/check-runs",
        says={"check_runs": [CHECK]},
        query={"check_name": "Onceover", "app_id": "31", "filter": "all", **PAGE},
    ),
    Case(call=lambda w: checks(w).check(8), route=f"GET {REPO}/check-runs/8", says=CHECK),
    Case(
        call=lambda w: checks(w).create(SHA, name="Onceover", state=CheckState(status="in_progress"), line=12),
        route=f"POST {REPO}/check-runs",
        says=CHECK,
        status=201,
        sent={"name": "Onceover", "head_sha": SHA, "status": "in_progress"},
    ),
    Case(
        call=lambda w: checks(w).update(8, state=STATE, line=12),
        route=f"PATCH {REPO}/check-runs/8",
        says=CHECK,
        sent={
            "conclusion": "neutral",
            "external_id": "r_1",
            "completed_at": "2026-09-01T12:00:00Z",
            "actions": [{"label": "Again", "description": "Review again", "identifier": "rerun"}],
            "output": {"title": "Done", "summary": "All", "annotations": list(STATE.annotations)},
        },
    ),
    Case(
        call=lambda w: ci(w).suites(SHA),
        route=f"GET {REPO}/commits/{SHA}/check-suites",
        says={"check_suites": [{"id": 1, "head_sha": SHA, "status": "queued"}]},
        query=PAGE,
    ),
    Case(
        call=lambda w: ci(w).runs(SHA),
        route=f"GET {REPO}/commits/{SHA}/check-runs",
        says={"check_runs": [CHECK]},
        query={"filter": "latest", **PAGE},
    ),
    Case(
        call=lambda w: ci(w).statuses(SHA),
        route=f"GET {REPO}/commits/{SHA}/status",
        says={"statuses": [{"context": "ci", "state": "success"}]},
        query=PAGE,
    ),
    Case(
        call=lambda w: ci(w).annotations(8),
        route=f"GET {REPO}/check-runs/8/annotations",
        says=[{"path": "a.py", "start_line": 1, "end_line": 1}],
        query=PAGE,
    ),
    Case(
        call=lambda w: ci(w).job(8),
        route=f"GET {REPO}/actions/jobs/8",
        says={"id": 8, "run_attempt": 2, "steps": [{"name": "Test", "status": "completed", "conclusion": "failure"}]},
    ),
    Case(
        call=lambda w: ci(w).required_by_rules("release/1"),
        route=f"GET {REPO}/rules/branches/release%2F1",
        says=[
            {"type": "deletion"},
            {
                "type": "required_status_checks",
                "parameters": {"required_status_checks": [{"context": "unit", "integration_id": 3}]},
            },
        ],
        query=PAGE,
    ),
    Case(
        call=lambda w: ci(w).required_by_protection("main"),
        route=f"GET {REPO}/branches/main",
        says={
            "name": "main",
            "protection": {
                "required_status_checks": {"contexts": ["unit"], "checks": [{"context": "unit", "app_id": None}]}
            },
        },
    ),
    Case(call=lambda w: ci(w).log_tail(8), route=f"GET {REPO}/actions/jobs/8/logs", says=b"log"),
]
