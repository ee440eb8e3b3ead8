"""Reviews: one pending at a time, whole or not at all, and for ever once submitted."""

import asyncio
from typing import Any

import pytest

from tests.simulated_github.conftest import Shop, sign_in

INLINE = {"path": "shop.py", "line": 8, "body": "Spell it as a number."}


async def make_pending(shop: Shop, **more: object) -> dict[str, Any]:
    answer = await shop.client.post(f"{shop.path}/reviews", json={"body": "Marker", "comments": [INLINE], **more})
    assert answer.status_code == 200, answer.text
    review: dict[str, Any] = answer.json()
    return review


async def test_a_second_pending_review_of_one_user_is_refused(shop: Shop) -> None:
    await make_pending(shop)

    again = await shop.client.post(f"{shop.path}/reviews", json={"body": "Marker"})
    submitted = await shop.client.post(f"{shop.path}/reviews", json={"body": "Marker", "event": "COMMENT"})

    assert (again.status_code, submitted.status_code) == (422, 422)
    assert again.json()["errors"] == ["User can only have one pending review per pull request"]
    assert len(shop.pull.reviews) == 1


async def test_of_many_pending_reviews_at_once_one_is_made(shop: Shop) -> None:
    posts = [shop.client.post(f"{shop.path}/reviews", json={"body": f"Marker {one}"}) for one in range(10)]

    statuses = [answer.status_code for answer in await asyncio.gather(*posts)]

    assert sorted(statuses) == [200] + [422] * 9
    assert len(shop.pull.reviews) == 1


async def test_a_reply_while_a_review_is_pending_is_refused(shop: Shop) -> None:
    first = await shop.github.review_comment(shop.pull, "alice", "Why?", path="shop.py", line=8)
    await make_pending(shop)

    reply = await shop.client.post(f"{shop.path}/comments", json={"body": "Because.", "in_reply_to": first.id})

    assert reply.status_code == 422
    assert "one pending review" in reply.text


async def test_a_pending_review_is_seen_by_its_author_alone(shop: Shop) -> None:
    review = await make_pending(shop)
    other = shop.github.add_app("other")
    elsewhere = shop.github.token(await shop.github.install(other, [shop.repository]))

    async with sign_in(shop.github, elsewhere.value) as client:
        listed = await client.get(f"{shop.path}/reviews")
        read = await client.get(f"{shop.path}/reviews/{review['id']}")
    mine = await shop.client.get(f"{shop.path}/reviews")
    comments = await shop.client.get(f"{shop.path}/comments")

    assert listed.json() == []
    assert read.status_code == 404
    assert [one["state"] for one in mine.json()] == ["PENDING"]
    assert comments.json() == []


async def test_a_submitted_review_cannot_be_submitted_again_or_deleted(shop: Shop) -> None:
    review = await make_pending(shop)
    place = f"{shop.path}/reviews/{review['id']}"

    submitted = await shop.client.post(f"{place}/events", json={"event": "COMMENT"})
    again = await shop.client.post(f"{place}/events", json={"event": "COMMENT"})
    deleted = await shop.client.delete(place)
    edited = await shop.client.put(place, json={"body": "Better words"})

    assert submitted.json()["state"] == "COMMENTED"
    assert (again.status_code, deleted.status_code, edited.status_code) == (422, 422, 200)
    assert [review.body for review in shop.pull.reviews] == ["Better words"]


async def test_a_pending_review_can_be_deleted_with_its_comments(shop: Shop) -> None:
    review = await make_pending(shop)

    deleted = await shop.client.delete(f"{shop.path}/reviews/{review['id']}")

    assert deleted.status_code == 200
    assert (shop.pull.reviews, shop.pull.review_comments) == ([], [])


@pytest.mark.parametrize(
    ("comment", "words"),
    [
        ({"path": "shop.py", "line": 19, "body": "x"}, "must be part of the diff"),
        ({"path": "shop.py", "line": 99, "body": "x"}, "must be part of the diff"),
        ({"path": "absent.py", "line": 1, "body": "x"}, "Path could not be resolved"),
        ({"path": "shop.py", "line": 8, "start_line": 8, "body": "x"}, "must precede the end line"),
        ({"path": "shop.py", "line": 8, "start_line": 1, "body": "x"}, "same hunk"),
        ({"path": "logo.png", "line": 1, "body": "x"}, "must be part of the diff"),
        ({"path": "shop.py", "line": 8, "body": " "}, "can't be blank"),
    ],
)
async def test_one_bad_comment_refuses_the_whole_review(shop: Shop, comment: dict[str, object], words: str) -> None:
    answer = await shop.client.post(f"{shop.path}/reviews", json={"body": "All", "comments": [INLINE, comment]})

    assert answer.status_code == 422
    assert words in answer.text
    assert (shop.pull.reviews, shop.pull.review_comments) == ([], [])


@pytest.mark.parametrize(
    "comment",
    [
        {"path": "shop.py", "line": 5, "body": "Context before"},
        {"path": "shop.py", "line": 11, "body": "Context after"},
        {"path": "shop.py", "line": 8, "side": "LEFT", "body": "What was removed"},
        {"path": "shop.py", "line": 9, "start_line": 7, "body": "Three lines"},
        {"path": "notes.md", "line": 1, "body": "A new file"},
    ],
)
async def test_any_line_of_a_hunk_can_be_commented_on(shop: Shop, comment: dict[str, object]) -> None:
    review = await make_pending(shop, comments=[comment])

    listed = await shop.client.get(f"{shop.path}/reviews/{review['id']}/comments")

    assert [(one["path"], one["line"], one["body"]) for one in listed.json()] == [
        (comment["path"], comment["line"], comment["body"])
    ]
    assert listed.json()[0]["diff_hunk"].startswith("@@ ")


async def test_a_body_of_65536_characters_is_the_longest(shop: Shop) -> None:
    fits = await shop.client.post(shop.comments, json={"body": "é" * 65_536})
    too_long = await shop.client.post(shop.comments, json={"body": "é" * 65_537})
    review = await shop.client.post(f"{shop.path}/reviews", json={"body": "é" * 65_537})

    assert (fits.status_code, too_long.status_code, review.status_code) == (201, 422, 422)
    assert "body is too long" in too_long.text
    assert "body is too long" in review.text


async def test_a_review_of_an_older_head_is_checked_against_that_head(shop: Shop) -> None:
    old = shop.pull.head_sha
    await shop.github.push_to_pull(shop.pull, {"notes.md": None})
    comment = {"path": "notes.md", "line": 1, "body": "Gone by now"}

    now = await shop.client.post(f"{shop.path}/reviews", json={"body": "x", "comments": [comment]})
    then = await make_pending(shop, commit_id=old, comments=[comment])

    assert now.status_code == 422
    assert then["commit_id"] == old


async def test_a_review_of_a_commit_from_elsewhere_is_refused(shop: Shop) -> None:
    stray = await shop.github.push(shop.repository, "stray", {"stray.py": "1\n"})

    foreign = await shop.client.post(f"{shop.path}/reviews", json={"body": "x", "commit_id": stray})
    unknown = await shop.client.post(f"{shop.path}/reviews", json={"body": "x", "commit_id": "0" * 40})

    assert (foreign.status_code, unknown.status_code) == (422, 422)
    assert shop.pull.reviews == []


async def test_a_locked_conversation_takes_no_comment_and_no_review(shop: Shop) -> None:
    await shop.github.lock(shop.pull)

    comment = await shop.client.post(shop.comments, json={"body": "Hello"})
    review = await shop.client.post(f"{shop.path}/reviews", json={"body": "Hello"})

    assert (comment.status_code, review.status_code) == (403, 403)


async def test_a_reply_stands_under_the_comment_it_answers(shop: Shop) -> None:
    first = await shop.github.review_comment(shop.pull, "alice", "Why?", path="shop.py", line=8)

    reply = await shop.client.post(f"{shop.path}/comments", json={"body": "Because.", "in_reply_to": first.id})

    assert reply.status_code == 201
    assert (reply.json()["in_reply_to_id"], reply.json()["line"]) == (first.id, 8)


async def test_a_comment_of_ones_own_can_be_changed_and_removed(shop: Shop) -> None:
    theirs = await shop.github.review_comment(shop.pull, "alice", "Why?", path="shop.py", line=8)
    reply = await shop.client.post(f"{shop.path}/comments", json={"body": "Because.", "in_reply_to": theirs.id})
    mine = f"/repos/acme/shop/pulls/comments/{reply.json()['id']}"

    edited = await shop.client.patch(mine, json={"body": "Because of this."})
    deleted = await shop.client.delete(mine)
    forbidden = await shop.client.delete(f"/repos/acme/shop/pulls/comments/{theirs.id}")

    assert edited.json()["body"] == "Because of this."
    assert (deleted.status_code, forbidden.status_code) == (204, 403)
    assert shop.pull.review_comments == [theirs]


async def test_a_reaction_is_new_once(shop: Shop) -> None:
    comment = await shop.github.comment(shop.pull, "alice", "/onceover status")
    place = f"/repos/acme/shop/issues/comments/{comment.id}/reactions"

    first = await shop.client.post(place, json={"content": "eyes"})
    second = await shop.client.post(place, json={"content": "eyes"})

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert len(comment.reactions) == 1
