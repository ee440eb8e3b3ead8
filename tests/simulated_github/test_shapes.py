"""Shapes: what the simulated GitHub answers is read by the models that githubkit generates from GitHub's description.

Checked once more against the description itself (npm @octokit/openapi 23.0.2) when this was written; the models are
what every run of the tests has at hand.
"""

from typing import Any

from githubkit_schemas.v2026_03_10 import models
from pydantic import BaseModel, TypeAdapter

from tests.simulated_github.conftest import REPOSITORY, Shop, sign_in
from tests.simulated_github.test_access import app_token


async def fill(shop: Shop) -> dict[str, Any]:
    """Let there be one of everything, and give the ids that addresses need."""
    github, sha = shop.github, shop.pull.head_sha
    await github.label(shop.pull, "please review")
    comment = await github.comment(shop.pull, "alice", "/onceover review")
    await shop.client.post(f"{REPOSITORY}/issues/comments/{comment.id}/reactions", json={"content": "eyes"})
    line = await github.review_comment(shop.pull, "alice", "Why?", path="shop.py", line=8)
    inline = {"path": "shop.py", "line": 9, "start_line": 8, "body": "Hm"}
    summary = {"body": "See below", "event": "COMMENT", "comments": [inline]}
    review = await shop.client.post(f"{shop.path}/reviews", json=summary)
    await shop.client.post(f"{shop.path}/comments", json={"body": "So", "in_reply_to": line.id})
    output = {"title": "Reviewed", "summary": "S"}
    run = await shop.client.post(
        f"{REPOSITORY}/check-runs", json={"name": "Onceover", "head_sha": sha, "output": output}
    )
    workflow = await github.finish_workflow(shop.repository, sha, "ci", "success", logs={"build": "ok\n"})
    await github.set_commit_status(shop.repository, sha, "success")
    github.app.webhook_url = f"{github.url}/nobody-listens-here"
    await github.ping(github.app)
    return {
        "comment": comment.id,
        "line": line.id,
        "review": review.json()["id"],
        "run": run.json()["id"],
        "suite": run.json()["check_suite"]["id"],
        "workflow": workflow.id,
        "delivery": github.deliveries[-1].id,
        "installation": shop.installation.id,
        "sha": sha,
    }


ONE: dict[str, type[BaseModel]] = {
    "": models.FullRepository,
    "/pulls/1": models.PullRequest,
    "/issues/1": models.Issue,
    "/issues/comments/{comment}": models.IssueComment,
    "/pulls/comments/{line}": models.PullRequestReviewComment,
    "/pulls/1/reviews/{review}": models.PullRequestReview,
    "/check-runs/{run}": models.CheckRun,
    "/check-suites/{suite}": models.CheckSuite,
    "/commits/{sha}": models.Commit,
    "/commits/{sha}/status": models.CombinedCommitStatus,
    "/compare/main...feature": models.CommitComparison,
    "/contents/shop.py": models.ContentFile,
    "/collaborators/alice/permission": models.RepositoryCollaboratorPermission,
    "/commits/{sha}/check-runs": models.ReposOwnerRepoCommitsRefCheckRunsGetResponse200,
    "/commits/{sha}/check-suites": models.ReposOwnerRepoCommitsRefCheckSuitesGetResponse200,
    "/actions/runs?head_sha={sha}": models.ReposOwnerRepoActionsRunsGetResponse200,
    "/actions/runs/{workflow}/jobs": models.ReposOwnerRepoActionsRunsRunIdJobsGetResponse200,
}
"""Addresses below the repository that answer one object."""

MANY: dict[str, type[BaseModel]] = {
    "/pulls": models.PullRequestSimple,
    "/pulls/1/files": models.DiffEntry,
    "/pulls/1/reviews": models.PullRequestReview,
    "/pulls/1/comments": models.PullRequestReviewComment,
    "/pulls/1/reviews/{review}/comments": models.ReviewComment,
    "/issues/1/comments": models.IssueComment,
    "/issues/comments/{comment}/reactions": models.Reaction,
    "/commits/{sha}/statuses": models.Status,
    "/commits/{sha}/pulls": models.PullRequestSimple,
}
"""Addresses below the repository that answer a list."""

OWN: dict[str, Any] = {
    "/app": models.Integration,
    "/app/installations": list[models.Installation],
    "/app/installations/{installation}": models.Installation,
    "/app/hook/deliveries": list[models.HookDeliveryItem],
    "/app/hook/deliveries/{delivery}": models.HookDelivery,
    "/repos/acme/shop/installation": models.Installation,
}
"""Addresses that an App reads with its JWT."""


async def test_answers_are_read_by_the_models_of_githubs_description(shop: Shop) -> None:
    ids = await fill(shop)
    shapes: dict[str, Any] = {**ONE, **{place: list[model] for place, model in MANY.items()}}  # type: ignore[valid-type]  # Made at run time.

    for place, shape in shapes.items():
        answer = await shop.client.get(REPOSITORY + place.format(**ids))
        assert answer.status_code == 200, f"{place}: {answer.text}"
        assert answer.json(), place
        TypeAdapter(shape).validate_json(answer.content)


async def test_what_an_app_reads_of_itself_is_read_by_the_models(shop: Shop) -> None:
    ids = await fill(shop)

    async with sign_in(shop.github, app_token(shop.github.app)) as app:
        for place, shape in OWN.items():
            answer = await app.get(place.format(**ids))
            TypeAdapter(shape).validate_json(answer.content)
        minted = await app.post(f"/app/installations/{ids['installation']}/access_tokens")
        config = await app.get("/app/hook/config")
    meta = await shop.client.get("/meta")
    bot = await shop.client.get("/users/onceover[bot]")
    limits = await shop.client.get("/rate_limit")

    models.InstallationToken.model_validate_json(minted.content)
    models.ApiOverview.model_validate_json(meta.content)
    models.PublicUser.model_validate_json(bot.content)
    models.WebhookConfig.model_validate_json(config.content)
    assert bot.json()["id"] == shop.github.app.bot.id
    assert set(limits.json()["rate"]) == {"limit", "remaining", "reset", "used", "resource"}


async def test_no_two_objects_share_an_id(shop: Shop) -> None:
    ids = await fill(shop)
    del ids["sha"]

    assert len(set(ids.values())) == len(ids)
    assert ids["comment"] > 2**31
