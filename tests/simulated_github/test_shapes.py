"""Shapes: what the simulated GitHub answers is read by the models that githubkit generates from GitHub's description.

Checked once more against the description itself (npm @octokit/openapi 23.0.2) when this was written; the models are
what every run of the tests has at hand.
"""

from typing import Any

import httpx
from githubkit_schemas.v2026_03_10 import models
from pydantic import BaseModel, TypeAdapter

from bot.demo.simulated_github.checks import JobEnd
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
    job = await github.finish_job(shop.repository, sha, JobEnd(name="unit", conclusion="failure", failed_step="Test"))
    github.require_checks(shop.repository, "unit")
    github.require_checks(shop.repository, "lint", by="protection")
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
        "job": job.id,
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
    "/branches/main": models.BranchWithProtection,
    "/actions/jobs/{job}": models.Job,
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


async def test_the_rules_of_a_branch_are_read_by_the_models(shop: Shop) -> None:
    await fill(shop)

    answer = await shop.client.get(f"{REPOSITORY}/rules/branches/main")
    other = await shop.client.get(f"{REPOSITORY}/rules/branches/feature")

    deletion, required = answer.json()
    models.RepositoryRuleDetailedOneof2.model_validate(deletion)
    models.RepositoryRuleDetailedOneof8.model_validate(required)
    assert other.json() == []


async def test_a_job_that_is_run_again_has_a_check_run_of_its_own(shop: Shop) -> None:
    for conclusion in ("failure", "success"):
        await shop.github.finish_job(shop.repository, shop.pull.head_sha, JobEnd(name="unit", conclusion=conclusion))
    place = f"{REPOSITORY}/commits/{shop.pull.head_sha}/check-runs"

    latest = (await shop.client.get(place)).json()["check_runs"]
    every = (await shop.client.get(f"{place}?filter=all")).json()["check_runs"]
    job = (await shop.client.get(f"{REPOSITORY}/actions/jobs/{latest[0]['id']}")).json()

    assert [one["conclusion"] for one in latest] == ["success"]
    assert {one["conclusion"] for one in every} == {"failure", "success"}
    assert (job["run_attempt"], job["conclusion"]) == (2, "success")


async def test_a_log_lies_on_another_host_that_takes_no_token(shop: Shop) -> None:
    job = await shop.github.finish_job(shop.repository, shop.pull.head_sha, JobEnd(name="unit", log="all good"))

    answer = await shop.client.get(f"{REPOSITORY}/actions/jobs/{job.id}/logs")
    async with httpx.AsyncClient() as anybody:
        log = await anybody.get(answer.headers["location"])
        with_token = await anybody.get(answer.headers["location"], headers={"Authorization": "Bearer ghs_canary"})

    assert (answer.status_code, log.text, with_token.status_code) == (302, "all good", 400)


async def test_no_two_objects_share_an_id(shop: Shop) -> None:
    ids = await fill(shop)
    del ids["sha"]

    assert len(set(ids.values())) == len(ids)
    assert ids["comment"] > 2**31
