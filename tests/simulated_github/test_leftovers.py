"""Leftovers: what a test ends with says exactly what stands too much or too little."""

import pytest

from bot.demo.simulated_github.leftovers import Left, NotExactlyOne
from tests.simulated_github.conftest import REPOSITORY, Shop

INLINE = {"path": "shop.py", "line": 9, "start_line": 8, "body": "Spell it as a number."}
MARKER = "<!-- onceover:summary -->\n"


async def post_summary(shop: Shop) -> None:
    await shop.client.post(shop.comments, json={"body": f"{MARKER}## Onceover\nOne remark."})


async def test_one_comment_and_one_review_are_what_was_expected(shop: Shop) -> None:
    await post_summary(shop)
    review = {"body": MARKER + "See below.", "event": "COMMENT", "comments": [INLINE]}
    await shop.client.post(f"{shop.path}/reviews", json=review)
    await shop.github.comment(shop.pull, "alice", "Thank you")

    shop.github.leftovers({shop.pull: Left(comments=1, reviews=1, review_comments=1)})

    assert shop.github.only(shop.pull).comment is shop.pull.comments[0]
    assert [one.anchor.line for one in shop.github.only(shop.pull).inline] == [9]


async def test_everything_unexpected_is_named(shop: Shop) -> None:
    await post_summary(shop)
    await post_summary(shop)
    for _ in range(2):
        await shop.client.post(f"{shop.path}/reviews", json={"body": "Again", "event": "COMMENT"})
    await shop.client.post(f"{shop.path}/reviews", json={"body": "Forgotten"})
    for _ in range(2):
        run = {"name": "Onceover", "head_sha": shop.pull.head_sha}
        await shop.client.post(f"{REPOSITORY}/check-runs", json=run)

    with pytest.raises(NotExactlyOne) as said:
        shop.github.leftovers({shop.pull: Left(comments=1, reviews=1)})
    with pytest.raises(NotExactlyOne, match="holds 2 comments of onceover"):
        shop.github.only(shop.pull)

    assert str(said.value).splitlines() == [
        "acme/shop#1: 2 comments, expected 1",
        "acme/shop#1: 2 reviews, expected 1",
        "acme/shop#1: 1 pending_reviews, expected 0",
        "acme/shop#1: 2 open_check_runs, expected 0",
        "acme/shop#1: 1 repeated_reviews, expected 0",
        "acme/shop#1: 1 repeated_check_runs, expected 0",
    ]


async def test_only_what_people_see_counts_as_a_write(shop: Shop) -> None:
    await post_summary(shop)
    await shop.client.get(shop.comments)
    await shop.client.delete("/installation/token")

    assert [(one.method, one.path) for one in shop.github.writes()] == [("POST", shop.comments)]
    assert shop.github.writes("/check-runs") == []


async def test_a_pull_request_nobody_expects_anything_on_must_be_bare(shop: Shop) -> None:
    await post_summary(shop)

    with pytest.raises(NotExactlyOne, match="1 comments, expected 0"):
        shop.github.leftovers()


async def test_a_reader_sees_the_words_and_not_the_markers(shop: Shop) -> None:
    button = {"label": "Re-run", "description": "Review again", "identifier": "rerun"}
    run = {"name": "Onceover", "head_sha": shop.pull.head_sha, "conclusion": "success", "actions": [button]}
    await shop.client.post(f"{REPOSITORY}/check-runs", json={**run, "output": {"title": "Reviewed", "summary": "S"}})
    await post_summary(shop)
    await shop.client.post(
        f"{shop.path}/reviews", json={"body": "See below.", "event": "COMMENT", "comments": [INLINE]}
    )

    assert shop.github.as_seen(shop.pull) == (
        "A change #1  [open]\n"
        "alice wants to merge acme:feature into main\n"
        "\n"
        "check Onceover: success - Reviewed\n"
        "  buttons: Re-run\n"
        "\n"
        "onceover[bot] commented:\n"
        "  ## Onceover\n"
        "  One remark.\n"
        "\n"
        f"onceover[bot] reviewed {shop.pull.head_sha[:7]} (commented):\n"
        "  See below.\n"
        "  onceover[bot] on shop.py:8-9\n"
        "    Spell it as a number.\n"
    )
