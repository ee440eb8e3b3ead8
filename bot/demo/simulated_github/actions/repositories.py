"""Actions on repositories: making, pushing to, renaming and forking them, and who may do what."""

from collections.abc import Mapping

from bot.demo.simulated_github import events
from bot.demo.simulated_github.accounts import Account, AccountType, App
from bot.demo.simulated_github.actions.actor import Actor, Place
from bot.demo.simulated_github.courier import Event
from bot.demo.simulated_github.git_store import Content, GitStore
from bot.demo.simulated_github.repositories import Access, Permission, Pull, Repository
from bot.demo.simulated_github.shapes import accounts
from bot.demo.simulated_github.world import Json
from bot.demo.simulated_github.writing import suite_of

FIRST_FILES: Mapping[str, Content] = {"README.md": "# A repository\n"}
"""What a new repository holds, so that it has a branch."""

NO_SHA = "0" * 40


class RepositoryActions(Actor):
    """What people do with repositories."""

    def add_account(self, login: str, account_type: AccountType = "User") -> Account:
        """Make a user or an organisation (or find it)."""
        account = self.world.account(login)
        account.type = account_type
        return account

    def add_repository(
        self, full_name: str, *, private: bool = False, files: Mapping[str, Content] | None = FIRST_FILES
    ) -> Repository:
        """Make a repository with one commit on `main` (none at all with `files=None`)."""
        owner, _, name = full_name.partition("/")
        number = self.world.ids.next("Repository")
        repository = Repository(
            id=number,
            serial=self.world.ids.serial,
            name=name,
            owner=self.world.account(owner),
            private=private,
            git=GitStore.create(self.world.directory / f"{number}.git"),
            created_at=self.world.instant(),
        )
        if files is not None:
            repository.git.commit("main", files, "Begin\n", None)
        self.world.repositories.append(repository)
        return repository

    def add_fork(self, place: Place, owner: str) -> Repository:
        """Fork a repository to another account."""
        parent = self.world.repository(place)
        number = self.world.ids.next("Repository")
        fork = Repository(
            id=number,
            serial=self.world.ids.serial,
            name=parent.name,
            owner=self.world.account(owner),
            private=parent.private,
            git=parent.git.copy(self.world.directory / f"{number}.git"),
            created_at=self.world.instant(),
            parent=parent,
        )
        self.world.repositories.append(fork)
        return fork

    def delete_repository(self, place: Place) -> None:
        """Delete a repository, such as a fork; its pull requests then have `head.repo: null`."""
        gone = self.world.repository(place)
        gone.is_deleted = True
        for pull in self.world.all_pulls():
            if pull.head_repository is gone:
                pull.head_repository = None

    def set_permission(self, place: Place, login: str, permission: Permission, role_name: str | None = None) -> None:
        """Say what a user may do; `role_name` is the exact role (maintain, triage or a custom one)."""
        self.world.account(login)
        role = permission if role_name is None else role_name
        self.world.repository(place).access[login] = Access(permission=permission, role_name=role)

    async def push(  # noqa: PLR0913 - What one can say of a push.
        self,
        place: Place,
        branch: str,
        files: Mapping[str, Content],
        message: str = "Change\n",
        *,
        parent: str | None = None,
        user: str | None = None,
        lost: bool = False,
    ) -> str:
        """Push one commit and give its SHA; open pull requests of the branch follow.

        Args:
            place: The repository.
            branch: Made from the default branch if it is not there.
            files: Path to content; None deletes.
            message: Of the commit.
            parent: Commit to build on instead of the branch's tip: a forced push.
            user: Who pushes; the owner unless told.
            lost: Whether the webhooks get lost.
        """
        repository = self.world.repository(place)
        before = repository.git.branch(branch)
        start = parent or before or repository.git.branch(repository.default_branch)
        sha = repository.git.commit(branch, files, message, start)
        sender = self._user(user or repository.owner.login)
        content: Json = {"ref": f"refs/heads/{branch}", "before": before or NO_SHA, "after": sha, "commits": []}
        await self._tell(
            Event(name="push", action=None, sender=sender, repository=repository, content=lambda: content), lost=lost
        )
        for pull in self.world.all_pulls():
            if pull.head_repository is repository and pull.head_ref == branch and pull.state == "open":
                await self._synchronize(pull, sha, sender, lost=lost)
        await self._request_suites(repository, sha, sender, lost=lost)
        return sha

    async def rename_repository(self, place: Place, name: str, *, lost: bool = False) -> None:
        """Give a repository another name; the old one redirects."""
        repository = self.world.repository(place)
        before = repository.name
        self.world.former_names[repository.full_name.lower()] = repository.id
        repository.name = name
        changes = {"repository": {"name": {"from": before}}}
        await self._tell(events.repository_event(repository, "renamed", repository.owner, changes), lost=lost)

    async def transfer_repository(self, place: Place, owner: str, *, lost: bool = False) -> None:
        """Give a repository to another account; the old name redirects."""
        repository = self.world.repository(place)
        before = repository.owner
        self.world.former_names[repository.full_name.lower()] = repository.id
        repository.owner = self.world.account(owner)
        changes = {"owner": {"from": {"user": accounts.user(self.world, before)}}}
        await self._tell(events.repository_event(repository, "transferred", before, changes), lost=lost)

    async def _synchronize(self, pull: Pull, sha: str, sender: Account, *, lost: bool) -> None:
        before = pull.head_sha
        if pull.head_repository is not None:
            pull.repository.git.fetch(pull.head_repository.git, sha, f"refs/pull/{pull.number}/head")
        pull.heads.append(sha)
        pull.base_sha = pull.repository.git.branch(pull.base_ref) or pull.base_sha
        pull.updated_at = self.world.instant()
        event = events.pull_event(self.world, pull, "synchronize", sender, before=before, after=sha)
        await self._tell(event, lost=lost)
        if pull.head_repository is not pull.repository:
            await self._request_suites(pull.repository, sha, sender, lost=lost)

    async def _request_suites(self, repository: Repository, sha: str, sender: Account, *, lost: bool) -> None:
        """Tell each App that writes checks about a new commit, besides what it hears of the pull request."""
        for app in self._apps_that_check(repository):
            suite = suite_of(self.world, repository, app, sha)
            await self._tell(events.check_suite_event(self.world, repository, suite, "requested", sender), lost=lost)

    def _apps_that_check(self, repository: Repository) -> list[App]:
        return [
            installation.app
            for installation in self.world.installations_on(repository)
            if installation.permissions.get("checks") == "write"
        ]
