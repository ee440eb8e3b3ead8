"""CI: what the repository's own checks say about a commit.

Reads only. Statuses and the logs of jobs need permissions that an installation may not grant (statuses, actions): then
they are None, which is not the same as empty.
"""

from dataclasses import dataclass
from typing import Final

from pipeline.services.github import endpoints
from pipeline.services.github.caller import Call
from pipeline.services.github.client import GitHub
from pipeline.services.github.errors import Gone, NotAllowed
from pipeline.services.github.models import Annotation, CheckRun, CheckSuite, Status
from pipeline.services.github.place import Place

LOG_BYTES_MAX: Final = 64 * 2**10
"""The end of a log, where a failing test is told."""


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

    async def runs(self, sha: str) -> list[CheckRun]:
        """List the newest check run of each name and App."""
        endpoint = endpoints.CHECK_RUNS
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, ref=sha), query={"filter": "latest"}, is_new=True)
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
        """List what a check remarked on lines."""
        endpoint = endpoints.ANNOTATIONS
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, check_run_id=check_run_id))
        return await self.github.get_all(self.place, call, Annotation)

    async def log_tail(self, job_id: int, *, bytes_max: int = LOG_BYTES_MAX) -> bytes | None:
        """Read the end of a job's log, or None if we may not see it or it is gone.

        Args:
            job_id: Of GitHub Actions: the id of its check run is the same.
            bytes_max: How much of it; anybody's code wrote it.
        """
        endpoint = endpoints.JOB_LOG
        path = endpoint.at(self.place, job_id=job_id)
        call = Call(endpoint=endpoint, path=path, headers={"Range": f"bytes=-{bytes_max}"})
        try:
            return (await self.github.get_bytes(self.place, call))[-bytes_max:]
        except (Gone, NotAllowed):
            return None
