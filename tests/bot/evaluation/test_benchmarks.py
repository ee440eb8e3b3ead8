"""Benchmarks of others are read as they are published, and findings are written as their judges read them."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.evaluation.benchmarks import martian, review_bench, swe_prbench
from bot.evaluation.cases import CaseInvalid, build
from pipeline.engine.errors import AskPerson
from pipeline.review.depth import Depth
from pipeline.review.findings import Finding, Severity
from pipeline.services.git import open_git
from tests.bot.command_world import CommandWorld

FINDING = Finding(
    path="shop/pricing.py",
    line=3,
    line_end=4,
    severity=Severity.HIGH,
    category="bug",
    title="No discount is given.",
    claim="`percent // 100` is 0.",
    source="model",
)

CONTRACT = {
    "RB_NWO": "acme/shop",
    "RB_PR_NUMBER": "7",
    "RB_BASE": "a" * 40,
    "RB_HEAD": "b" * 40,
    "RB_OUT": "/mounted/out/findings.json",
    "RB_AGENT": "careful",
}

PATCH = """\
diff --git a/shop/pricing.py b/shop/pricing.py
--- a/shop/pricing.py
+++ b/shop/pricing.py
@@ -10,3 +10,3 @@ def discounted(price, percent):
     price = int(price)
-    return price * (100 - percent) // 100
+    return price * (1 - percent // 100)

diff --git a/old.py b/old.py
deleted file mode 100644
--- a/old.py
+++ /dev/null
@@ -1 +0,0 @@
-x = 1
diff --git a/new.py b/new.py
new file mode 100644
--- /dev/null
+++ b/new.py
@@ -0,0 +1 @@
+y = 2
"""


def test_the_findings_file_names_pull_request_lines_and_reason() -> None:
    invocation = review_bench.read_invocation(CONTRACT)

    written = json.loads(review_bench.findings_file(invocation, [FINDING]))

    assert invocation.change.repository == Path("/mounted/repo")
    assert written == {
        "pr": {"repo": "https://github.com/acme/shop", "pr_number": 7, "base": "a" * 40, "head": "b" * 40},
        "agent": "careful",
        "findings": [
            {
                "file": "shop/pricing.py",
                "start_line": 3,
                "end_line": 4,
                "message": "No discount is given. `percent // 100` is 0.",
                "producer": "careful",
            }
        ],
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"RB_HEAD": "", "RB_OUT": ""}, "RB_HEAD, RB_OUT not set"),
        ({"RB_PR_NUMBER": "seven"}, "'seven'"),
    ],
)
def test_an_invocation_that_is_none_is_refused_with_what_is_missing(change: dict[str, str], why: str) -> None:
    with pytest.raises(AskPerson, match=why):
        review_bench.read_invocation(CONTRACT | change)


def test_model_server_and_depth_are_those_that_the_benchmark_chooses() -> None:
    chosen = {"RB_CONFIG_MODEL": "small", "RB_MODEL_BASE_URL": "http://127.0.0.1:1/v1", "RB_CONFIG_DEPTH": "deep"}

    settings = review_bench.settings_of({"ONCEOVER_LLM_MODEL": "other", "KEPT": "1"} | chosen)

    assert settings["ONCEOVER_LLM_MODEL"] == "small"
    assert settings["OPENAI_BASE_URL"] == "http://127.0.0.1:1/v1"
    assert settings["KEPT"] == "1"
    assert review_bench.depth_of(chosen) is Depth.DEEP
    assert review_bench.depth_of({}) is Depth.STANDARD
    with pytest.raises(AskPerson, match="no depth"):
        review_bench.depth_of({"RB_CONFIG_DEPTH": "abyss"})


def test_our_remarks_become_those_of_one_more_tool_and_replace_earlier_ones() -> None:
    golden = martian.Golden(pr_title="Coupons", url="https://example.org/pull/1", comments=({"comment": "x"},))
    data: Any = {golden.url: {"pr_title": "Coupons", "reviews": [{"tool": "other", "review_comments": []}]}}

    martian.add_review(data, golden, [FINDING, FINDING])
    martian.add_review(data, golden, [FINDING])

    tools = {review["tool"]: review for review in data[golden.url]["reviews"]}
    assert set(tools) == {"other", "onceover"}
    assert [(one["path"], one["line"]) for one in tools["onceover"]["review_comments"]] == [("shop/pricing.py", 4)]
    assert "percent // 100" in tools["onceover"]["review_comments"][0]["body"]


def test_golden_comments_are_joined_with_the_commits_that_are_here(tmp_path: Path) -> None:
    golden = [{"pr_title": "A", "url": "u/1", "comments": [], "az_comment": "z"}, {"pr_title": "B", "url": "u/2"}]
    (tmp_path / "sentry.json").write_text(json.dumps(golden))
    places = tmp_path / "places" / "list.json"
    places.parent.mkdir()
    places.write_text(json.dumps({"u/2": {"repository": "/clones/sentry", "base": "main", "head": "pr-2"}}))

    ((known, change),) = martian.changes_of(martian.read_golden(tmp_path), places)

    assert known.pr_title == "B"
    assert (change.repository, change.base, change.head) == (Path("/clones/sentry"), "main", "pr-2")


@pytest.mark.parametrize("text", ["[]", "{", '[{"url": 3}]', '{"a": 1}'])
def test_a_golden_file_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "sentry.json").write_text(text)

    with pytest.raises(AskPerson):
        martian.read_golden(tmp_path)


async def test_a_frozen_diff_becomes_trees_that_show_the_diff_at_its_lines_and_nothing_else(tmp_path: Path) -> None:
    task = swe_prbench.Task(task_id="shop__7", diff_patch=PATCH)

    case = swe_prbench.case_of(task)
    change = build(case, tmp_path)

    assert case.removed == ("old.py",)
    assert case.head["shop/pricing.py"].splitlines()[9:11] == [
        "    price = int(price)",
        "    return price * (1 - percent // 100)",
    ]
    git = await open_git(change.repository)
    parts = await git.diff(await git.resolve(change.base), await git.resolve(change.head))
    patch = parts.patch.decode()
    assert "-    return price * (100 - percent) // 100\n+    return price * (1 - percent // 100)" in patch
    assert "+y = 2" in patch
    assert "-x = 1" in patch


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        ("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-x\n", "cannot be read"),
        (PATCH.replace("@@ -10,3 +10,3", "@@ -900010,3 +900010,3"), "900,012"),
    ],
)
def test_a_diff_that_cannot_be_read_is_refused_by_name(patch: str, why: str) -> None:
    task = swe_prbench.Task(task_id="shop__7", diff_patch=patch)

    with pytest.raises(CaseInvalid, match="shop__7") as refused:
        swe_prbench.case_of(task)

    assert why in str(refused.value)


def test_agent_outputs_have_the_harnesss_names_and_priorities() -> None:
    task = swe_prbench.Task(task_id="shop__7", diff_patch="")

    written = json.loads(swe_prbench.agent_output(task, [FINDING], model="m"))

    assert swe_prbench.output_name(task) == "shop__7_config_A_diff_only_agent.json"
    assert (written["task_id"], written["config_name"], written["parse_success"]) == (
        "shop__7",
        "config_A_diff_only",
        True,
    )
    (comment,) = written["comments"]
    assert (comment["file_reference"], comment["line_reference"], comment["severity_claim"]) == (
        "shop/pricing.py",
        4,
        "P1",
    )


async def test_the_contract_is_kept_from_the_command_line(world: CommandWorld) -> None:
    repository = world.make_repository().path
    git = await open_git(repository)
    base, head = [await git.resolve(name) for name in ("main", "HEAD")]
    out = world.place / "out" / "findings.json"

    world.settings |= CONTRACT | {"RB_BASE": base, "RB_HEAD": head, "RB_OUT": str(out)}
    async with world.model():
        ended = await world.run("bench", "review-bench", "--repo", str(repository))

    assert ended.code == 0, ended.news
    written = json.loads(out.read_text())
    assert written["pr"]["head"] == head
    assert all(one["producer"] == "careful" and one["message"] for one in written["findings"])


async def test_frozen_diffs_are_reviewed_from_the_command_line_and_asked_again_cost_nothing(
    world: CommandWorld,
) -> None:
    tasks = world.place / "prs.jsonl"
    tasks.write_text(json.dumps({"task_id": "shop__7", "diff_patch": PATCH, "language": "python"}) + "\n")

    async with world.model() as llm:
        ended = await world.run("bench", "swe-prbench", str(tasks), str(world.place / "agent_outputs"))
        asked = len(llm.calls)
        again = await world.run("bench", "swe-prbench", str(tasks), str(world.place / "agent_outputs"))

    assert (ended.code, again.code) == (0, 0), ended.news
    assert asked
    assert len(llm.calls) == asked
    assert (world.place / "agent_outputs" / "shop__7_config_A_diff_only_agent.json").exists()
