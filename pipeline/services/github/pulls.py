"""Pulls: pull requests and their files, read to the end."""

from dataclasses import dataclass
from datetime import datetime

from pipeline.services.github import endpoints
from pipeline.services.github.caller import Call
from pipeline.services.github.client import GitHub
from pipeline.services.github.models import Pull, PullFile
from pipeline.services.github.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulls:
    """Pull requests of one repository."""

    github: GitHub
    place: Place

    async def pull(self, number: int, *, is_new: bool = False) -> Pull:
        """Read one.

        Args:
            number: Its number.
            is_new: A webhook announced it a moment ago, so that 404 means not yet.

        Raises:
            NotYet: It is new, and GitHub does not know it yet.
            Gone: It is not there, or we may not see it.
        """
        endpoint = endpoints.PULL_REQUEST
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, pull_number=number), is_new=is_new)
        return await self.github.get(self.place, call, Pull)

    async def open_pulls(self, *, since: datetime | None = None, pulls_max: int | None = None) -> list[Pull]:
        """List the open ones, most recently changed first; reads no page more than needed.

        Args:
            since: Only those that changed since, by GitHub's clock; all if unset.
            pulls_max: The rest is left out.
        """
        endpoint = endpoints.PULL_REQUESTS
        query = {"state": "open", "sort": "updated", "direction": "desc"}
        call = Call(endpoint=endpoint, path=endpoint.at(self.place), query=query)
        found: list[Pull] = []
        async for page in self.github.each_page(self.place, call, Pull):
            wanted = [pull for pull in page if since is None or (pull.updated_at and pull.updated_at >= since)]
            found += wanted
            if len(wanted) < len(page) or (pulls_max is not None and len(found) >= pulls_max):
                break
        return found[:pulls_max]

    async def files(self, number: int) -> list[PullFile]:
        """List the changed files; GitHub shows 3,000 at most, and no patch of binary or large ones."""
        endpoint = endpoints.PULL_FILES
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, pull_number=number))
        return await self.github.get_all(self.place, call, PullFile)
