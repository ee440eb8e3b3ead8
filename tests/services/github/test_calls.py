"""Each typed call: what it sends, and that it stays inside the table of endpoints."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.engine.errors import GiveUp
from pipeline.services.github.checks import Action, Checks, CheckState
from pipeline.services.github.ci import ContinuousIntegration
from pipeline.services.github.comments import Comments
from pipeline.services.github.endpoints import ENDPOINTS
from pipeline.services.github.errors import Ambiguous, Gone, NotAllowed, NotYet, Refused
from pipeline.services.github.pulls import Pulls
from pipeline.services.github.repositories import Repositories
from pipeline.services.github.reviews import InlineComment, Reviews
from tests.services.github.small_github import (
    REPO,
    SHA,
    SHOP,
    Answers,
    Says,
    World,
    comment,
    no,
    ok,
    pull,
    small_github,
)

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
    return Repositories(github=world.github, place=SHOP)


def pulls(world: World) -> Pulls:
    return Pulls(github=world.github, place=SHOP)


def comments(world: World) -> Comments:
    return Comments(github=world.github, place=SHOP)


def reviews(world: World) -> Reviews:
    return Reviews(github=world.github, place=SHOP)


def checks(world: World) -> Checks:
    return Checks(github=world.github, place=SHOP)


def ci(world: World) -> ContinuousIntegration:
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
        call=lambda w: comments(w).reply(12, 6, "Yes"),
        route=f"POST {REPO}/pulls/12/comments",
        says=INLINE,
        status=201,
        sent={"body": "Yes", "in_reply_to": 6},
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
            "completed_at": "2026-09-01T12:00:00+00:00",
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
    Case(call=lambda w: ci(w).log_tail(8), route=f"GET {REPO}/actions/jobs/8/logs", says=b"log"),
]


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{one.route.replace(REPO, '')}{index}" for index, one in enumerate(CASES)]
)
async def test_a_call_sends_what_it_should(case: Case) -> None:
    async with small_github({case.route: Says(status=case.status, body=case.says)}) as world:
        await case.call(world)

    [seen] = world.server.seen
    assert (f"{seen.method} {seen.path}", seen.query, seen.body) == (case.route, case.query, case.sent)


def test_every_endpoint_of_a_repository_is_called_by_a_case_and_no_other() -> None:
    """So that a comparison of the table with GitHub's description speaks of what is really sent."""
    shapes = {f"{one.method} {_shape(one.template)}": one for one in ENDPOINTS if one.template.startswith("/repos/")}
    used = {shape for case in CASES for shape in shapes if re.fullmatch(shape, case.route)}

    assert {shapes[shape].template for shape in set(shapes) - used} == {"/repos/{owner}/{repo}/installation"}
    assert [case.route for case in CASES if not any(re.fullmatch(shape, case.route) for shape in shapes)] == []


def _shape(template: str) -> str:
    return re.sub(r"\\\{(\w+)\\\}", lambda name: ".+" if name[1] == "path" else "[^/]+", re.escape(template))


@pytest.mark.parametrize("path", ["../x", "a/../../b", "a//b", "/a", "", ".", "a/."])
async def test_a_path_that_climbs_is_not_asked_for(path: str) -> None:
    async with small_github() as world:
        with pytest.raises(GiveUp):
            await repositories(world).content(path, ref="main")

    assert world.server.seen == []


async def test_a_missing_file_is_none_and_an_empty_one_is_not() -> None:
    async with small_github({f"GET {REPO}/contents/a": Says(body=b"")}) as world:
        assert await repositories(world).content("a", ref="main") == b""
        assert await repositories(world).content("b", ref="main") is None


async def test_a_file_of_a_commit_that_is_not_there_is_not_a_missing_file() -> None:
    """Else a configuration would be taken for absent, and its filters with it."""
    async with small_github({f"GET {REPO}/contents/a": no(404, "No commit found for the ref x")}) as world:
        with pytest.raises(Gone):
            await repositories(world).content("a", ref="x")


async def test_a_commit_may_come_later() -> None:
    async with small_github(
        {f"GET {REPO}/commits/{SHA}": [no(422, f"No commit found for SHA: {SHA}"), ok({"sha": SHA})]}
    ) as world:
        assert [await repositories(world).has_commit(SHA) for _ in range(2)] == [False, True]


async def test_a_comparison_without_a_merge_base_on_its_second_page_is_asked_again() -> None:
    route = f"GET {REPO}/compare/main...{SHA}"
    async with small_github({route: [ok({"commits": []}), ok({"merge_base_commit": {"sha": "b" * 40}})]}) as world:
        assert await repositories(world).merge_base("main", SHA) == "b" * 40


@pytest.mark.parametrize(
    ("says", "may_write"),
    [
        (ok({"permission": "admin"}), True),
        (ok({"permission": "write", "role_name": "maintain"}), True),
        (ok({"permission": "read", "role_name": "triage"}), False),
        (ok({"permission": "none"}), False),
        (ok({"permission": "WRITE "}), False),
        (no(404, "ada is not a user"), False),
    ],
)
async def test_only_a_clear_yes_may_write(says: Answers, *, may_write: bool) -> None:
    async with small_github({f"GET {REPO}/collaborators/ada/permission": says}) as world:
        assert (await repositories(world).permission("ada")).may_write is may_write


@pytest.mark.parametrize("says", [no(500), no(403, "no"), no(429), no(401), ok({}), ok([]), Says(fault="cut")])
async def test_a_permission_that_is_not_known_is_an_error(says: Says) -> None:
    async with small_github({f"GET {REPO}/collaborators/ada/permission": says}) as world:
        with pytest.raises(Exception, match="GitHub"):
            await repositories(world).permission("ada")


@pytest.mark.parametrize("login", ["dependabot[bot]", "a/b", "ä", "a?b"])
async def test_any_login_can_be_asked_about(login: str) -> None:
    async with small_github() as world:
        assert (await repositories(world).permission(login)).permission == "none"

    assert world.server.seen[0].path.startswith(f"{REPO}/collaborators/")
    assert world.server.seen[0].path.endswith("/permission")


async def test_what_is_deleted_already_is_deleted() -> None:
    async with small_github() as world:
        await comments(world).delete(12, 1)
        await comments(world).delete_inline(12, 6)
        await reviews(world).delete_pending(12, 4)

        assert await comments(world).comment(1) is None
        assert await comments(world).inline_comment(6) is None
        assert await reviews(world).review(12, 4) is None


async def test_a_second_pending_review_is_told_apart_from_other_refusals() -> None:
    words = "User can only have one pending review per pull request"
    route = f"POST {REPO}/pulls/12/reviews"
    async with small_github(
        {route: Says(status=422, body={"message": "Unprocessable Entity", "errors": [words]})}
    ) as world:
        with pytest.raises(Refused) as caught:
            await reviews(world).create_pending(12, commit_id=SHA, body="x")

    assert caught.value.is_pending_review_there


async def test_each_inline_comment_counts_as_content() -> None:
    inline = [InlineComment(path="a.py", line=line, body="x") for line in range(1, 26)]
    async with small_github({f"POST {REPO}/pulls/12/reviews": ok(REVIEW)}) as world:
        await reviews(world).create_pending(12, commit_id=SHA, body="x", comments=inline)

    assert (world.github.tally.writes, world.github.tally.contents) == (1, 26)


async def test_a_check_run_of_another_app_or_another_run_is_not_ours() -> None:
    others = [{**CHECK, "id": 9, "app": {"id": 32}}, {**CHECK, "id": 10, "external_id": "r_2"}, {**CHECK, "app": None}]
    async with small_github({f"GET {REPO}/commits/{SHA}/check-runs": ok({"check_runs": [*others, CHECK]})}) as world:
        found = await checks(world).find(SHA, name="Onceover", app_id=31, external_id="r_1")

    assert [one.id for one in found] == [8]


async def test_a_check_run_for_a_commit_that_github_does_not_know_yet_comes_later() -> None:
    async with small_github({f"POST {REPO}/check-runs": no(422, f"No commit found for SHA: {SHA}")}) as world:
        with pytest.raises(NotYet):
            await checks(world).create(SHA, name="Onceover", state=CheckState(status="queued"), line=12)


async def test_a_reaction_with_a_lost_answer_is_not_ambiguous() -> None:
    """The same reaction twice is one."""
    async with small_github({f"POST {REPO}/issues/comments/1/reactions": no(502)}) as world:
        with pytest.raises(Exception, match="GitHub answered 502") as caught:
            await comments(world).react(12, 1, "eyes")

    assert not isinstance(caught.value, Ambiguous)


async def test_the_end_of_a_log_is_read_from_where_it_lies() -> None:
    """GitHub keeps logs elsewhere, behind an address with a signature of its own."""
    async with small_github() as world, small_github({"GET /blob": Says(status=206, body=b"0123456789")}) as store:
        route = f"GET {REPO}/actions/jobs/8/logs"
        world.server.routes[route] = Says(status=302, headers={"location": f"{store.server.url}/blob?sig=canary"})

        tail = await ci(world).log_tail(8, bytes_max=4)

    [seen] = store.server.seen
    assert tail == b"6789"
    assert seen.headers["range"] == "bytes=-4"
    assert "authorization" not in seen.headers


@pytest.mark.parametrize("says", [no(403, "Resource not accessible by integration"), no(404), no(410)])
async def test_a_log_that_we_may_not_see_is_none(says: Says) -> None:
    async with small_github({f"GET {REPO}/actions/jobs/8/logs": says}) as world:
        assert await ci(world).log_tail(8) is None


async def test_statuses_that_we_may_not_see_are_not_no_statuses() -> None:
    async with small_github({f"GET {REPO}/commits/{SHA}/status": [no(403, "no"), ok({"statuses": []})]}) as world:
        assert [await ci(world).statuses(SHA) for _ in range(2)] == [None, []]


async def test_a_locked_conversation_is_final() -> None:
    async with small_github(
        {f"POST {REPO}/issues/12/comments": no(403, "Unable to create comment because issue is locked.")}
    ) as world:
        with pytest.raises(Gone) as caught:
            await comments(world).create(12, "Hello")

    assert not isinstance(caught.value, NotAllowed)


async def test_hostile_text_is_only_text() -> None:
    hostile = pull(title="\x00\x1b[31m ${x} <!-- \u202e", labels=[{"name": "a" * 10_000}], body=None)
    async with small_github({f"GET {REPO}/pulls/12": Says(body=json.dumps(hostile).encode())}) as world:
        assert (await pulls(world).pull(12)).title == hostile["title"]
