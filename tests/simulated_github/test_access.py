"""Access: what each token may see and do, how it is minted, and what happens when it ends."""

import base64
import json
import time

import jwt
import pytest

from bot.demo.simulated_github.accounts import App
from bot.demo.simulated_github.server import SimulatedGitHub
from tests.simulated_github.conftest import REPOSITORY, Shop, numbered_lines, sign_in


def app_token(app: App, *, issuer: str | None = None, ends_in_seconds: int = 540, key: str | None = None) -> str:
    """Sign a JWT as an App does."""
    now = int(time.time())
    claims = {"iat": now - 60, "exp": now + ends_in_seconds, "iss": issuer or app.client_id}
    return jwt.encode(claims, key or app.private_key, algorithm="RS256")


async def test_an_app_turns_its_key_into_a_token_for_one_repository(shop: Shop) -> None:
    github = shop.github
    github.add_repository("acme/other", private=True)
    other = await github.install(github.app, account="acme")
    asked = {"repository_ids": [shop.repository.id], "permissions": {"contents": "read"}}

    async with sign_in(github, app_token(github.app)) as app:
        minted = await app.post(f"/app/installations/{other.id}/access_tokens", json=asked)
    async with sign_in(github, minted.json()["token"]) as client:
        seen = await client.get("/installation/repositories")
        statuses = [
            (await client.get(REPOSITORY)).status_code,
            (await client.get("/repos/acme/other")).status_code,
            (await client.get(f"{REPOSITORY}/contents/shop.py")).status_code,
            (await client.post(shop.comments, json={"body": "x"})).status_code,
        ]

    assert minted.status_code == 201
    assert minted.json()["permissions"] == {"metadata": "read", "contents": "read"}
    assert [one["full_name"] for one in seen.json()["repositories"]] == ["acme/shop"]
    assert statuses == [200, 404, 200, 403]


@pytest.mark.parametrize("permissions", [{"contents": "write"}, {"administration": "read"}])
async def test_a_token_cannot_be_wider_than_its_installation(shop: Shop, permissions: dict[str, str]) -> None:
    place = f"/app/installations/{shop.installation.id}/access_tokens"

    async with sign_in(shop.github, app_token(shop.github.app)) as app:
        wider = await app.post(place, json={"permissions": permissions})
        elsewhere = await app.post(place, json={"repository_ids": [1]})

    assert (wider.status_code, elsewhere.status_code) == (422, 422)


@pytest.mark.parametrize("ends_in_seconds", [-1, 3600])
async def test_a_jwt_that_is_over_or_lives_too_long_is_refused(shop: Shop, ends_in_seconds: int) -> None:
    async with sign_in(shop.github, app_token(shop.github.app, ends_in_seconds=ends_in_seconds)) as app:
        answer = await app.get("/app")

    assert answer.status_code == 401
    assert "'exp'" in answer.json()["message"]


async def test_a_jwt_of_another_key_or_issuer_is_refused(shop: Shop) -> None:
    other = shop.github.add_app("other")

    statuses = []
    for token in (app_token(shop.github.app, key=other.private_key), app_token(shop.github.app, issuer="nobody")):
        async with sign_in(shop.github, token) as app:
            statuses.append((await app.get("/app")).status_code)

    assert statuses == [401, 401]


async def test_a_suspended_installation_mints_no_token_and_its_tokens_fail(shop: Shop) -> None:
    await shop.github.suspend(shop.installation)

    async with sign_in(shop.github, app_token(shop.github.app)) as app:
        minted = await app.post(f"/app/installations/{shop.installation.id}/access_tokens")
    used = await shop.client.get(REPOSITORY)

    assert (minted.status_code, used.status_code) == (403, 403)


async def test_an_uninstalled_app_is_a_stranger(shop: Shop) -> None:
    await shop.github.uninstall(shop.installation)

    async with sign_in(shop.github, app_token(shop.github.app)) as app:
        minted = await app.post(f"/app/installations/{shop.installation.id}/access_tokens")
        found = await app.get(f"{REPOSITORY}/installation")
    used = await shop.client.get(REPOSITORY)

    assert (minted.status_code, found.status_code, used.status_code) == (404, 404, 401)


async def test_a_removed_repository_is_not_there_any_more(shop: Shop) -> None:
    await shop.github.remove_repository_from_installation(shop.installation, "acme/shop")

    assert (await shop.client.get(REPOSITORY)).status_code == 404


async def test_tokens_end_by_time_and_by_revocation(shop: Shop) -> None:
    revoked = await shop.client.delete("/installation/token")
    after = await shop.client.get(REPOSITORY)
    fresh = shop.github.token(shop.installation)
    shop.github.expire_tokens()

    async with sign_in(shop.github, fresh.value) as client:
        expired = await client.get(REPOSITORY)

    assert (revoked.status_code, after.status_code, expired.status_code) == (204, 401, 401)


async def test_public_repositories_are_read_by_everybody_and_written_by_nobody_else(github: SimulatedGitHub) -> None:
    github.add_repository("acme/open")
    shop = github.add_repository("acme/shop")
    stranger = github.token(await github.install(github.app, [shop]))

    async with sign_in(github, None) as nobody, sign_in(github, stranger.value) as client:
        statuses = [
            (await nobody.get("/repos/acme/open/contents/README.md")).status_code,
            (await nobody.post("/repos/acme/open/check-runs", json={})).status_code,
            (await client.get("/repos/acme/open")).status_code,
            (await client.post("/repos/acme/open/check-runs", json={})).status_code,
        ]

    assert statuses == [200, 401, 200, 403]


async def test_a_renamed_repository_sends_on_to_its_address_by_id(shop: Shop) -> None:
    await shop.github.rename_repository(shop.repository, "store")

    moved = await shop.client.get(f"{REPOSITORY}/pulls/1?x=1")
    followed = await shop.client.get(f"{REPOSITORY}/pulls/1", follow_redirects=True)
    written = await shop.client.post(shop.comments, json={"body": "Hello"}, follow_redirects=True)

    assert moved.status_code == 301
    assert moved.headers["location"] == f"{shop.github.url}/repositories/{shop.repository.id}/pulls/1?x=1"
    assert followed.json()["base"]["repo"]["full_name"] == "acme/store"
    assert written.status_code == 201


async def test_permissions_are_told_coarsely_and_exactly(shop: Shop) -> None:
    shop.github.set_permission(shop.repository, "maria", "write", "maintain")
    shop.github.add_account("stranger")

    places = [f"{REPOSITORY}/collaborators/{login}/permission" for login in ("maria", "acme", "stranger", "nobody")]
    answers = [await shop.client.get(place) for place in places]

    told = [(one.json()["permission"], one.json()["role_name"]) for one in answers[:3]]
    assert told == [("write", "maintain"), ("admin", "admin"), ("none", "")]
    assert answers[3].status_code == 404


async def test_lists_have_pages_of_30_and_at_most_100(shop: Shop) -> None:
    for number in range(101):
        await shop.github.comment(shop.pull, "alice", f"Comment {number}")

    first = await shop.client.get(shop.comments)
    most = await shop.client.get(f"{shop.comments}?per_page=500")
    last = await shop.client.get(most.links["next"]["url"])

    assert (len(first.json()), len(most.json()), len(last.json())) == (30, 100, 1)
    assert first.links["last"]["url"].endswith("page=4")
    assert "next" not in last.links


async def test_an_unchanged_answer_is_304_and_free(shop: Shop) -> None:
    first = await shop.client.get(REPOSITORY)
    used = shop.github.world.used_requests

    again = await shop.client.get(REPOSITORY, headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert shop.github.world.used_requests == used


async def test_files_come_raw_and_as_base64(shop: Shop) -> None:
    place = f"{REPOSITORY}/contents/notes.md?ref=feature"

    raw = await shop.client.get(place, headers={"Accept": "application/vnd.github.raw+json"})
    packed = await shop.client.get(place)
    absent = await shop.client.get(f"{REPOSITORY}/contents/notes.md")
    listed = await shop.client.get(f"{REPOSITORY}/contents/?ref=feature")

    assert raw.text == "New\n"
    assert base64.b64decode(packed.json()["content"]) == b"New\n"
    assert absent.status_code == 404
    assert [one["name"] for one in listed.json()] == ["logo.png", "notes.md", "shop.py"]


async def test_a_branch_with_a_slash_is_named_encoded(shop: Shop) -> None:
    sha = await shop.github.push(shop.repository, "fix/this", {"docs/a b.md": "Here\n"})

    commit = await shop.client.get(f"{REPOSITORY}/commits/fix%2Fthis")
    runs = await shop.client.get(f"{REPOSITORY}/commits/fix%2Fthis/check-runs")
    compared = await shop.client.get(f"{REPOSITORY}/compare/main...fix%2Fthis")
    file = await shop.client.get(f"{REPOSITORY}/contents/docs%2Fa%20b.md?ref=fix/this")

    assert commit.json()["sha"] == sha
    assert runs.status_code == 200
    assert compared.json()["ahead_by"] == 1
    assert file.json()["name"] == "a b.md"


async def test_changed_files_carry_gits_patch_unless_they_are_binary(shop: Shop) -> None:
    files = {one["filename"]: one for one in (await shop.client.get(f"{shop.path}/files")).json()}

    assert "patch" not in files["logo.png"]
    assert files["notes.md"]["patch"] == "@@ -0,0 +1 @@\n+New"
    assert files["shop.py"]["patch"].startswith("@@ -5,7 +5,7 @@ line 4\n line 5\n")
    assert (files["shop.py"]["status"], files["shop.py"]["additions"]) == ("modified", 1)


async def test_a_pull_request_gives_its_diff_unless_it_is_too_large(shop: Shop) -> None:
    accept = {"Accept": "application/vnd.github.diff"}
    small = await shop.client.get(shop.path, headers=accept)
    await shop.github.push_to_pull(shop.pull, {"long.txt": numbered_lines(20_001)})

    large = await shop.client.get(shop.path, headers=accept)
    files = (await shop.client.get(f"{shop.path}/files")).json()

    assert small.text.startswith("diff --git a/logo.png b/logo.png\n")
    assert (large.status_code, large.json()["errors"][0]["code"]) == (406, "too_large")
    assert [one["filename"] for one in files if "patch" not in one] == ["logo.png", "long.txt"]


async def test_a_comparison_names_where_two_commits_parted(shop: Shop) -> None:
    start = shop.repository.git.sha("main")
    await shop.github.push(shop.repository, "main", {"later.md": "On main\n"})

    compared = (await shop.client.get(f"{REPOSITORY}/compare/main...feature")).json()

    assert compared["merge_base_commit"]["sha"] == start
    assert (compared["status"], compared["ahead_by"], compared["behind_by"]) == ("diverged", 1, 1)
    assert [one["filename"] for one in compared["files"]] == ["logo.png", "notes.md", "shop.py"]


@pytest.mark.parametrize(
    "place",
    [
        "/contents/a%00b",
        "/commits/%00",
        "/compare/main...%ff",
        "/compare/main",
        "/contents/shop.py?ref=--help",
        "/contents/..%2f..%2fetc",
    ],
)
async def test_hostile_names_are_simply_not_there(shop: Shop, place: str) -> None:
    assert (await shop.client.get(REPOSITORY + place)).status_code == 404


async def test_hostile_headers_and_queries_are_refused(shop: Shop) -> None:
    basic = await shop.client.get(REPOSITORY, headers={"Authorization": "Basic %%%"})
    since = await shop.client.get(f"{shop.comments}?since=yesterday")
    page = await shop.client.get(f"{shop.comments}?per_page=-1&page=x")

    assert (basic.status_code, since.status_code, page.status_code) == (401, 422, 200)


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"body": null, "name": 1}',
        b'{"body": "\\ud800", "head_sha": "\\ud800", "name": "x", "content": "eyes!"}',
        b"[" * 100_000,
    ],
)
async def test_hostile_bodies_are_refused_by_every_write(shop: Shop, body: bytes) -> None:
    """The fixture's end tells if one of them broke the simulation instead."""
    comment = await shop.github.comment(shop.pull, "alice", "Hello")
    places = [
        shop.comments,
        f"{shop.path}/reviews",
        f"{shop.path}/comments",
        f"{REPOSITORY}/check-runs",
        f"{REPOSITORY}/issues/comments/{comment.id}/reactions",
    ]

    answers = [await shop.client.post(place, content=body) for place in places]

    assert {answer.status_code for answer in answers} <= {400, 422}


async def test_a_body_that_is_no_json_is_400(shop: Shop) -> None:
    broken = await shop.client.post(shop.comments, content=b"{")
    wrong = await shop.client.post(shop.comments, json={"text": "x"})

    assert (broken.status_code, wrong.status_code) == (400, 422)
    assert json.loads(broken.content)["message"] == "Problems parsing JSON"
