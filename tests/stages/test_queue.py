"""Queue: a merge queue is told at once, so that a required check does not hang it."""

import pytest

from bot.demo.simulated_github.faults import Fault
from pipeline.engine.errors import OnceoverError
from pipeline.review.pull.check_page import CHECK_NAME
from pipeline.stages.queue import Gate, make_queue
from tests.builders.context import MemoryContext
from tests.stages.engine_world import MemoryLedger
from tests.stages.github_world import GitHubWorld


class Queue:
    """A merge group, and who tells its queue."""

    def __init__(self, github: GitHubWorld) -> None:
        self.github = github
        self.sha = github.repository.git.sha("main")
        self.gate = Gate(github=github.client, effects=MemoryLedger().effects, app_id=self._app_id)

    def context(self) -> MemoryContext:
        """Write the run's parameters."""
        return MemoryContext(
            params={
                "merge_group": {"host": "github.test", "repository_id": self.github.repository.id, "head": self.sha},
                "place": {"installation": self.github.installation.id, "repository": "acme/shop"},
            },
            run_id="r_group",
        )

    async def _app_id(self) -> int:
        return self.github.github.app.id


async def test_the_groups_commit_gets_one_neutral_check_that_says_why(github: GitHubWorld) -> None:
    queue = Queue(github)
    stage = make_queue(queue.gate)

    result = await stage(queue.context())
    again = await stage(queue.context().next_attempt())

    [run] = github.repository.check_runs
    assert result == again == {"check_run": run.id}
    assert (run.name, run.head_sha, run.status, run.conclusion) == (CHECK_NAME, queue.sha, "completed", "neutral")
    assert run.title == "Reviewed on its pull requests"


async def test_a_check_whose_answer_was_lost_is_found_and_not_made_twice(github: GitHubWorld) -> None:
    queue = Queue(github)
    ctx = queue.context()
    github.github.faults.add(Fault(kind="apply_then_status", method="POST", path="/check-runs$", status=502))
    with pytest.raises(OnceoverError):
        await make_queue(queue.gate)(ctx)

    await make_queue(queue.gate)(ctx.next_attempt())

    assert len(github.repository.check_runs) == 1
