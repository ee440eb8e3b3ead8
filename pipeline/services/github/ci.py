"""CI: what the repository's own checks say about a commit, and which of them its base branch requires.

Reads only. Statuses, and the jobs and logs of GitHub Actions, need permissions that an installation may not grant
(statuses, actions): then they are None, which is not the same as empty.
"""

from dataclasses import dataclass
from typing import Final

from pipeline.services.github import endpoints
from pipeline.services.github.caller import Call
from pipeline.services.github.client import GitHub
from pipeline.services.github.errors import Gone, Nonsense, NotAllowed, Refused, TooMuch
from pipeline.services.github.models import (
    Annotation,
    BranchRule,
    CheckRun,
    CheckSuite,
    Job,
    ProtectedBranch,
    RequiredCheck,
    Status,
)
from pipeline.services.github.place import Place

LOG_BYTES_MAX: Final = 256 * 2**10
"""The end of a log that is kept: the clean-up of a job's steps follows its failure and may be long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuousIntegration:
    """Checks and statuses of commits in one repository."""

    github: GitHub
    place: Place

    async def suites(self, sha: str) -> list[CheckSuite]:
        """List the suites: one for each App that looks at the commit, also one that has not begun."""
        endpoint = endpoints.CHECK_SUITES
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, ref=sha), is_new=True)
        return await self.github.get_all(self.place, call, CheckSuite, items_in="check_suites")

    async def runs(self, sha: str, *, attempts: bool = False) -> list[CheckRun]:
        """List the check runs of a commit.

        Args:
            sha: The commit.
            attempts: Earlier attempts too; else the newest of each name and suite.
        """
        endpoint = endpoints.CHECK_RUNS
        query = {"filter": "all" if attempts else "latest"}
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, ref=sha), query=query, is_new=True)
        return await self.github.get_all(self.place, call, CheckRun, items_in="check_runs")

    async def statuses(self, sha: str) -> list[Status] | None:
        """List the newest status of each context, or None if we may not see them."""
        endpoint = endpoints.COMBINED_STATUS
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, ref=sha), is_new=True)
        try:
            return await self.github.get_all(self.place, call, Status, items_in="statuses")
        except NotAllowed:
            return None

    async def annotations(self, check_run_id: int) -> list[Annotation]:
        """List what a check remarked on lines: the first hundred; nobody reads more."""
        endpoint = endpoints.ANNOTATIONS
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, check_run_id=check_run_id))
        async for page in self.github.each_page(self.place, call, Annotation):
            return page
        return []

    async def job(self, job_id: int) -> Job | None:
        """Read a job of GitHub Actions, or None if we may not see it.

        Args:
            job_id: The id of its check run is the same.
        """
        endpoint = endpoints.JOB
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, job_id=job_id))
        try:
            return await self.github.get(self.place, call, Job)
        except (Gone, NotAllowed):  # GitHub answers 404 as well to whom it does not let in.
            return None

    async def log_tail(self, job_id: int, *, bytes_max: int = LOG_BYTES_MAX) -> bytes | None:
        """Read the end of a job's log, or None if we may not see it or it is gone.

        The log lies on another host, to which GitHub redirects and no token goes. It is streamed and not asked for by
        a range: the storage behind github.com knows no range from the end.

        Args:
            job_id: Of GitHub Actions: the id of its check run is the same.
            bytes_max: How much of it; anybody's code wrote it.
        """
        endpoint = endpoints.JOB_LOG
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, job_id=job_id), tail_bytes_max=bytes_max)
        try:
            return await self.github.get_bytes(self.place, call)
        except (Gone, NotAllowed, Refused, TooMuch, Nonsense):  # The storage may say no in words of its own.
            return None

    async def required_by_rules(self, branch: str) -> list[RequiredCheck] | None:
        """List the checks that rulesets require on a branch, or None if we may not see them."""
        endpoint = endpoints.RULES_OF_BRANCH
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, branch=branch))
        try:
            rules = await self.github.get_all(self.place, call, BranchRule)
        except (Gone, NotAllowed):
            return None
        return [one for rule in rules if rule.type == RULE for one in rule.parameters.required_status_checks]

    async def required_by_protection(self, branch: str) -> list[RequiredCheck] | None:
        """List the checks that a branch's protection requires, or None if we may not see it."""
        endpoint = endpoints.BRANCH
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, branch=branch))
        try:
            found = await self.github.get(self.place, call, ProtectedBranch)
        except (Gone, NotAllowed):
            return None
        asked = found.protection.required_status_checks if found.protection else None
        if asked is None:
            return []
        by_app = list(asked.checks)
        named = {one.context for one in by_app}
        return [*by_app, *(RequiredCheck(context=name) for name in asked.contexts if name not in named)]


RULE: Final = "required_status_checks"
"""The type of the rules that name checks."""
