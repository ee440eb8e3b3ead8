"""Check runs: made as often as one asks, changed by their App alone, within GitHub's sizes."""

from typing import Any

import pytest

from tests.simulated_github.conftest import REPOSITORY, Shop, sign_in

RUNS = f"{REPOSITORY}/check-runs"


async def make_run(shop: Shop, **more: object) -> dict[str, Any]:
    answer = await shop.client.post(RUNS, json={"name": "Onceover", "head_sha": shop.pull.head_sha, **more})
    assert answer.status_code == 201, answer.text
    run: dict[str, Any] = answer.json()
    return run


def annotations(count: int) -> list[dict[str, object]]:
    one = {"path": "shop.py", "start_line": 8, "end_line": 8, "annotation_level": "notice", "message": "Hm"}
    return [one] * count


async def test_creating_twice_makes_two_and_the_list_shows_the_latest_of_a_name(shop: Shop) -> None:
    first, second = await make_run(shop, external_id="r1"), await make_run(shop, external_id="r1")
    place = f"{REPOSITORY}/commits/{shop.pull.head_sha}/check-runs"

    latest = (await shop.client.get(place)).json()
    everything = (await shop.client.get(f"{place}?check_name=Onceover&app_id={shop.github.app.id}&filter=all")).json()
    others = (await shop.client.get(f"{place}?app_id=1")).json()

    assert first["id"] != second["id"]
    assert [run["id"] for run in latest["check_runs"]] == [second["id"]]
    assert (everything["total_count"], others["total_count"]) == (2, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "completed"},
        {"output": {"summary": "No title"}},
        {"output": {"title": "T", "summary": "x" * 65_536}},
        {"output": {"title": "T", "summary": "S", "annotations": annotations(51)}},
        {"actions": [{"label": "A", "description": "D", "identifier": "i"}] * 4},
        {"actions": [{"label": "x" * 21, "description": "D", "identifier": "i"}]},
        {"actions": [{"label": "A", "description": "x" * 41, "identifier": "i"}]},
        {"head_sha": "0" * 40},
    ],
)
async def test_what_github_refuses_is_refused(shop: Shop, wrong: dict[str, object]) -> None:
    answer = await shop.client.post(RUNS, json={"name": "Onceover", "head_sha": shop.pull.head_sha, **wrong})

    assert answer.status_code == 422
    assert shop.repository.check_runs == []


async def test_annotations_add_up_and_a_conclusion_completes(shop: Shop) -> None:
    output = {"title": "T", "summary": "S", "annotations": annotations(50)}
    run = await make_run(shop, status="in_progress", output=output)

    more = {"summary": "S2", "annotations": annotations(1)}
    done = await shop.client.patch(f"{RUNS}/{run['id']}", json={"conclusion": "neutral", "output": more})
    listed = await shop.client.get(f"{RUNS}/{run['id']}/annotations?per_page=100")

    assert (done.json()["status"], done.json()["conclusion"]) == ("completed", "neutral")
    assert (done.json()["output"]["title"], done.json()["output"]["summary"]) == ("T", "S2")
    assert len(listed.json()) == 51
    assert shop.repository.check_runs[0].history == ["in_progress: T", "neutral: T"]


async def test_only_its_own_app_changes_a_check_run(shop: Shop) -> None:
    run = await make_run(shop)
    other = shop.github.add_app("other")
    elsewhere = shop.github.token(await shop.github.install(other, [shop.repository]))

    async with sign_in(shop.github, elsewhere.value) as client:
        answer = await client.patch(f"{RUNS}/{run['id']}", json={"conclusion": "success"})

    assert answer.status_code == 403
    assert "can only be modified by the GitHub App that created it" in answer.text


async def test_rerunning_resets_the_suite_and_not_the_run(shop: Shop) -> None:
    await make_run(shop, conclusion="success")
    run = shop.repository.check_runs[0]
    assert run.suite.status == "completed"

    await shop.github.rerequest(run, "alice")

    assert (run.suite.status, run.status, run.conclusion) == ("queued", "completed", "success")


async def test_other_peoples_ci_can_be_read(shop: Shop) -> None:
    sha, github = shop.pull.head_sha, shop.github
    await github.finish_checks(shop.repository, sha, {"build": "success", "lint": "failure"})
    await github.finish_workflow(shop.repository, sha, "ci", "failure", logs={"lint": "E501\n"})
    await github.set_commit_status(shop.repository, sha, "pending")
    await github.set_commit_status(shop.repository, sha, "success")

    suites = (await shop.client.get(f"{REPOSITORY}/commits/{sha}/check-suites")).json()["check_suites"]
    runs = (await shop.client.get(f"{REPOSITORY}/actions/runs?head_sha={sha}")).json()["workflow_runs"]
    jobs = (await shop.client.get(f"{REPOSITORY}/actions/runs/{runs[0]['id']}/jobs")).json()["jobs"]
    log = await shop.client.get(f"{REPOSITORY}/actions/jobs/{jobs[0]['id']}/logs", follow_redirects=True)
    status = (await shop.client.get(f"{REPOSITORY}/commits/{sha}/status")).json()
    statuses = (await shop.client.get(f"{REPOSITORY}/commits/{sha}/statuses")).json()

    assert [(suite["app"]["slug"], suite["conclusion"]) for suite in suites] == [
        ("onceover", None),
        ("github-actions", "failure"),
    ]
    assert log.text == "E501\n"
    assert (status["state"], status["total_count"], len(statuses)) == ("success", 1, 2)
