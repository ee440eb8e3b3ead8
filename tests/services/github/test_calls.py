"""Each typed call: what it sends, and that it stays inside the table of endpoints."""

import json
import re

import pytest

from pipeline.engine.errors import GiveUp
from pipeline.services.github.checks import CheckState
from pipeline.services.github.endpoints import ENDPOINTS
from pipeline.services.github.errors import Ambiguous, Gone, NotAllowed, NotYet, Refused
from pipeline.services.github.models import ReviewComment
from pipeline.services.github.reviews import InlineComment
from tests.services.github.cases import (
    CASES,
    CHECK,
    INLINE,
    REVIEW,
    Case,
    checks,
    ci,
    comments,
    pulls,
    repositories,
    reviews,
)
from tests.services.github.small_github import (
    REPO,
    SHA,
    Answers,
    Says,
    no,
    ok,
    pull,
    small_github,
)


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
    assert "authorization" not in seen.headers
    assert "range" not in seen.headers, "the storage behind github.com knows no range from the end"


async def test_a_log_longer_than_any_answer_is_streamed_and_its_end_kept() -> None:
    log = b"x" * 100_000 + b"the end"
    async with small_github({f"GET {REPO}/actions/jobs/8/logs": Says(body=log)}, response_bytes_max=4_000) as world:
        assert await ci(world).log_tail(8, bytes_max=7) == b"the end"


async def test_a_log_without_an_end_is_left() -> None:
    route = f"GET {REPO}/actions/jobs/8/logs"
    async with small_github({route: Says(body=b"x" * 100_000)}, stream_bytes_max=50_000) as world:
        assert await ci(world).log_tail(8) is None


async def test_a_required_check_that_a_protection_and_its_older_list_name_is_one() -> None:
    checks = {"contexts": ["unit", "old"], "checks": [{"context": "unit", "app_id": 3}]}
    says = ok({"name": "main", "protection": {"required_status_checks": checks}})
    async with small_github({f"GET {REPO}/branches/main": says}) as world:
        found = await ci(world).required_by_protection("main")

    assert [(one.context, one.app_id) for one in found or ()] == [("unit", 3), ("old", None)]


@pytest.mark.parametrize("says", [no(403, "Resource not accessible by integration"), no(404)])
async def test_rules_and_jobs_that_we_may_not_see_are_none(says: Says) -> None:
    routes: dict[str, Answers] = {
        f"GET {REPO}/branches/main": says,
        f"GET {REPO}/rules/branches/main": says,
        f"GET {REPO}/actions/jobs/8": says,
    }
    async with small_github(routes) as world:
        asked = ci(world)
        assert await asked.required_by_protection("main") is None
        assert await asked.required_by_rules("main") is None
        assert await asked.job(8) is None


@pytest.mark.parametrize("says", [no(403, "Resource not accessible by integration"), no(404), no(410)])
async def test_a_log_that_we_may_not_see_is_none(says: Says) -> None:
    async with small_github({f"GET {REPO}/actions/jobs/8/logs": says}) as world:
        assert await ci(world).log_tail(8) is None


async def test_statuses_that_we_may_not_see_are_not_no_statuses() -> None:
    async with small_github({f"GET {REPO}/commits/{SHA}/status": [no(403, "no"), ok({"statuses": []})]}) as world:
        assert [await ci(world).statuses(SHA) for _ in range(2)] == [None, []]


async def test_an_answer_in_a_thread_goes_to_its_first_comment() -> None:
    """GitHub knows no replies to replies."""
    async with small_github({f"POST {REPO}/pulls/12/comments": ok(INLINE, 201)}) as world:
        await comments(world).reply(12, ReviewComment(id=7, path="a.py", commit_id=SHA, in_reply_to_id=6), "Yes")

    assert world.server.seen[0].body["in_reply_to"] == 6


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
