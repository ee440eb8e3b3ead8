"""Repositories: what a repository says of itself, its files, its commits and its people."""

from dataclasses import dataclass
from typing import Final

from pipeline.services.github import endpoints
from pipeline.services.github.caller import Call
from pipeline.services.github.client import GitHub
from pipeline.services.github.errors import Gone, NotYet
from pipeline.services.github.models import CollaboratorPermission, Commit, Comparison, Repository
from pipeline.services.github.place import Place
from pipeline.services.github.request import RAW

_NOBODY: Final = CollaboratorPermission(permission="none", role_name="none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repositories:
    """Reads of one repository."""

    github: GitHub
    place: Place

    async def repository(self) -> Repository:
        """Say its present name, default branch and visibility."""
        endpoint = endpoints.REPOSITORY
        return await self.github.get(self.place, Call(endpoint=endpoint, path=endpoint.at(self.place)), Repository)

    async def content(self, path: str, *, ref: str | None) -> bytes | None:
        """Read a file of up to 100 MB, or None if that commit has none there.

        Args:
            path: From the root of the repository.
            ref: A commit or a branch; of the base, never of the pull request. None for the default branch.
        """
        endpoint = endpoints.CONTENT
        query = {"ref": ref} if ref else {}
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, path=path), query=query, accept=RAW)
        try:
            return await self.github.get_bytes(self.place, call)
        except Gone as error:
            if "no commit found" in error.message.lower():
                raise
            return None

    async def has_commit(self, sha: str) -> bool:
        """Say whether GitHub knows a commit already; a pushed one may take seconds."""
        endpoint = endpoints.COMMIT
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, ref=sha), query={"per_page": 1}, is_new=True)
        try:
            await self.github.get(self.place, call, Commit)
        except NotYet as error:
            if error.code != NotYet.code:  # It is the token that is not known yet.
                raise
            return False
        return True

    async def merge_base(self, base: str, head: str) -> str:
        """Find the commit where the head left the base.

        Args:
            base: A commit or a branch of this repository.
            head: A commit; those of forks are known here too, once there is a pull request.

        Raises:
            NotYet: GitHub does not know the head yet.
        """
        path = endpoints.COMPARE.at(self.place, basehead=f"{base}...{head}")
        small = {"per_page": 1, "page": 2}  # The first page carries the files, up to 300 with their patches.
        for query in (small, {"per_page": 1}):
            call = Call(endpoint=endpoints.COMPARE, path=path, query=query, is_new=True)
            compared = await self.github.get(self.place, call, Comparison)
            if compared.merge_base_commit:
                return compared.merge_base_commit.sha
        raise Gone(f"GitHub names no merge base of {base} and {head} in {self.place.repository}.")

    async def permission(self, login: str) -> CollaboratorPermission:
        """Say what somebody may do here; fails closed: whatever is not a clear answer is an error.

        Args:
            login: The sender of a command; GitHub answers 404 for those it does not know, which is `none`.
        """
        endpoint = endpoints.PERMISSION
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, username=login))
        try:
            return await self.github.get(self.place, call, CollaboratorPermission)
        except Gone:
            return _NOBODY
