"""Actions on checks: the buttons people press, and what other people's CI reports."""

from collections.abc import Mapping
from typing import Literal

from bot.demo.simulated_github import events
from bot.demo.simulated_github.accounts import App
from bot.demo.simulated_github.actions.actor import Actor, Place
from bot.demo.simulated_github.checks import CheckRun, CheckSuite, CommitStatus, Job, JobEnd, WorkflowRun
from bot.demo.simulated_github.courier import Event
from bot.demo.simulated_github.repositories import Repository
from bot.demo.simulated_github.shapes import checks
from bot.demo.simulated_github.world import Json, NoSuchThing
from bot.demo.simulated_github.writing import set_status, settle_suite, suite_of, write_check_run, write_status


class CheckActions(Actor):
    """What people do with checks."""

    async def press_button(self, run: CheckRun, identifier: str, user: str, *, lost: bool = False) -> None:
        """Press a button that the check run shows."""
        if identifier not in {one["identifier"] for one in run.actions}:
            raise NoSuchThing(f"Check run {run.name} shows no button {identifier}.")
        repository = self.repository_of(run)
        sender, more = self._user(user), {"requested_action": {"identifier": identifier}}
        event = events.check_run_event(self.world, repository, run, "requested_action", sender, **more)
        await self._tell(event, lost=lost)

    async def rerequest(self, asked: CheckRun | CheckSuite, user: str, *, lost: bool = False) -> None:
        """Press "Re-run": the suite is queued again, the run stays as it is."""
        repository, sender = self.repository_of(asked), self._user(user)
        suite = asked.suite if isinstance(asked, CheckRun) else asked
        suite.status, suite.conclusion = "queued", None
        event = (
            events.check_run_event(self.world, repository, asked, "rerequested", sender)
            if isinstance(asked, CheckRun)
            else events.check_suite_event(self.world, repository, asked, "rerequested", sender)
        )
        await self._tell(event, lost=lost)

    async def finish_checks(
        self, place: Place, sha: str, conclusions: Mapping[str, str], *, lost: bool = False
    ) -> list[CheckRun]:
        """Let another App (GitHub Actions) finish check runs, by name, and with them its suite."""
        repository, app = self.world.repository(place), self._actions_app()
        runs = [self._finished_run(repository, app, name, sha, how) for name, how in conclusions.items()]
        suite = suite_of(self.world, repository, app, sha)
        settle_suite(repository, suite)
        await self._tell(events.check_suite_event(self.world, repository, suite, "completed", app.bot), lost=lost)
        return runs

    def start_checks(self, place: Place, sha: str, *names: str) -> list[CheckRun]:
        """Let GitHub Actions begin check runs; tells nobody."""
        repository, app = self.world.repository(place), self._actions_app()
        runs = [write_check_run(self.world, repository, app, name, sha) for name in names]
        for run in runs:
            set_status(self.world, run, "in_progress", None)
            settle_suite(repository, run.suite)
        return runs

    async def finish_workflow(
        self,
        place: Place,
        sha: str,
        name: str,
        conclusion: str,
        *,
        logs: Mapping[str, str] | None = None,
        lost: bool = False,
    ) -> WorkflowRun:
        """Let a workflow end, with a log for each of its jobs."""
        repository, app = self.world.repository(place), self._actions_app()
        suite = suite_of(self.world, repository, app, sha)
        run = WorkflowRun(
            id=self.world.ids.next("WorkflowRun"),
            serial=self.world.ids.serial,
            name=name,
            head_sha=sha,
            head_branch=suite.head_branch or repository.default_branch,
            suite=suite,
            status="completed",
            conclusion=conclusion,
            created_at=self.world.instant(),
        )
        for job, log in (logs or {}).items():
            number = self.world.ids.next("Job")
            run.jobs.append(Job(id=number, serial=self.world.ids.serial, name=job, conclusion=conclusion, log=log))
        repository.workflow_runs.append(run)
        await self._tell(events.workflow_run_event(self.world, repository, run, app.bot), lost=lost)
        return run

    async def finish_job(self, place: Place, sha: str, end: JobEnd, *, lost: bool = False) -> CheckRun:
        """Let a job of GitHub Actions end; one that had ended before is run again, with a check run of its own."""
        repository, app = self.world.repository(place), self._actions_app()
        mine = [one for one in repository.check_runs if one.app is app and one.head_sha == sha and one.name == end.name]
        run = next((one for one in mine if one.status != "completed"), None)
        run = run or write_check_run(self.world, repository, app, end.name, sha)
        set_status(self.world, run, "completed", end.conclusion)
        run.annotations.extend(end.annotations)
        workflow = self._workflow(repository, run.suite)
        attempt = 1 + sum(one.name == end.name for one in workflow.jobs)
        workflow.jobs.append(
            Job(
                id=run.id,
                serial=run.serial,
                name=end.name,
                conclusion=end.conclusion,
                log=end.log,
                attempt=attempt,
                failed_step=end.failed_step,
            )
        )
        settle_suite(repository, run.suite)
        workflow.status, workflow.conclusion = run.suite.status, run.suite.conclusion
        if run.suite.status == "completed":
            event = events.check_suite_event(self.world, repository, run.suite, "completed", app.bot)
            await self._tell(event, lost=lost)
        return run

    def require_checks(self, place: Place, *names: str, by: Literal["ruleset", "protection"] = "ruleset") -> None:
        """Let the default branch require checks."""
        repository = self.world.repository(place)
        (repository.ruled_checks if by == "ruleset" else repository.protected_checks).extend(names)

    def _workflow(self, repository: Repository, suite: CheckSuite) -> WorkflowRun:
        """Find the workflow run of a suite, or begin it."""
        for one in repository.workflow_runs:
            if one.suite is suite:
                return one
        run = WorkflowRun(
            id=self.world.ids.next("WorkflowRun"),
            serial=self.world.ids.serial,
            name="ci",
            head_sha=suite.head_sha,
            head_branch=suite.head_branch or repository.default_branch,
            suite=suite,
            status="in_progress",
            conclusion=None,
            created_at=self.world.instant(),
        )
        repository.workflow_runs.append(run)
        return run

    async def set_commit_status(
        self, place: Place, sha: str, state: str, context: str = "ci/build", *, lost: bool = False
    ) -> CommitStatus:
        """Let an older CI report a state."""
        repository = self.world.repository(place)
        status = write_status(self.world, repository, repository.owner, sha, state=state, context=context)
        await self._tell(events.status_event(self.world, repository, status), lost=lost)
        return status

    async def merge_group(
        self, place: Place, sha: str, action: str = "checks_requested", *, base: str = "main", lost: bool = False
    ) -> None:
        """Let the merge queue ask for checks of a commit, or drop it (`destroyed`)."""
        repository = self.world.repository(place)
        content: Json = {
            "merge_group": {
                "head_sha": sha,
                "head_ref": f"refs/heads/gh-readonly-queue/{base}/pr-1-{sha}",
                "base_sha": repository.git.sha(base),
                "base_ref": f"refs/heads/{base}",
                "head_commit": checks.simple_commit(self.world, repository, sha),
            }
        }
        if action == "destroyed":
            content["reason"] = "invalidated"
        event = Event(
            name="merge_group", action=action, sender=repository.owner, repository=repository, content=lambda: content
        )
        await self._tell(event, lost=lost)

    def repository_of(self, one: CheckRun | CheckSuite) -> Repository:
        """Find the repository of a check run or a suite."""
        for repository in self.world.repositories:
            if one in repository.check_runs or one in repository.suites:
                return repository
        raise NoSuchThing(f"No repository has the check {one.id}.")

    def _finished_run(self, repository: Repository, app: App, name: str, sha: str, conclusion: str) -> CheckRun:
        fitting = (one for one in repository.check_runs if one.app is app and one.name == name and one.head_sha == sha)
        run = next(fitting, None) or write_check_run(self.world, repository, app, name, sha)
        set_status(self.world, run, "completed", conclusion)
        return run

    def _actions_app(self) -> App:
        for app in self.world.apps:
            if app.slug == "github-actions":
                return app
        return self.world.make_app("github-actions", "GitHub Actions", self._user("github"))
