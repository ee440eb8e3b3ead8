"""Actions on Apps: registering, installing, suspending, removing them, and sending deliveries again."""

from collections.abc import Iterable, Mapping

from bot.demo.simulated_github import events
from bot.demo.simulated_github.accounts import OWNER_LOGIN, Account, App, Installation, Level, Token, make_token
from bot.demo.simulated_github.actions.actor import Actor, Place
from bot.demo.simulated_github.courier import Event
from bot.demo.simulated_github.repositories import Repository
from bot.demo.simulated_github.shapes import accounts
from bot.demo.simulated_github.world import Delivery, Json, NoSuchThing


class AppActions(Actor):
    """What people do with Apps."""

    def add_app(self, slug: str, *, permissions: Mapping[str, Level] | None = None) -> App:
        """Register an App; its secrets are its attributes."""
        app = self.world.make_app(slug, slug.capitalize(), self._user(OWNER_LOGIN))
        if permissions is not None:
            app.permissions = {"metadata": "read", **permissions}
        return app

    async def install(
        self, app: App, repositories: Iterable[Place] | None = None, *, account: str | None = None, lost: bool = False
    ) -> Installation:
        """Install an App on some repositories of one account, or (None) on all of `account`."""
        chosen = None if repositories is None else [self.world.repository(one) for one in repositories]
        owner = chosen[0].owner if chosen else self._user(account or OWNER_LOGIN)
        installation = Installation(
            id=self.world.ids.next("Installation"),
            app=app,
            account=owner,
            permissions=dict(app.permissions),
            created_at=self.world.instant(),
            repository_ids=None if chosen is None else {one.id for one in chosen},
        )
        self.world.installations.append(installation)
        await self._tell_installation(installation, "created", lost=lost)
        return installation

    def token(self, installation: Installation, permissions: Mapping[str, Level] | None = None) -> Token:
        """Mint a token without asking over HTTP, for tests of something else."""
        granted = installation.permissions if permissions is None else permissions
        token = make_token(installation, granted, None, self.world.now())
        self.world.tokens[token.value] = token
        return token

    def expire_tokens(self) -> None:
        """Let every token that was minted be too old."""
        for token in self.world.tokens.values():
            token.expires_at = self.world.now()

    async def suspend(self, installation: Installation, *, lost: bool = False) -> None:
        """Suspend an installation: its tokens answer 403."""
        installation.suspended_at = self.world.instant()
        await self._tell_installation(installation, "suspend", lost=lost)

    async def unsuspend(self, installation: Installation, *, lost: bool = False) -> None:
        """End a suspension."""
        installation.suspended_at = None
        await self._tell_installation(installation, "unsuspend", lost=lost)

    async def uninstall(self, installation: Installation, *, lost: bool = False) -> None:
        """Remove an App from an account: its tokens are gone."""
        self.world.installations.remove(installation)
        kept = {key: one for key, one in self.world.tokens.items() if one.installation is not installation}
        self.world.tokens = kept
        await self._tell_installation(installation, "deleted", lost=lost)

    async def remove_repository_from_installation(
        self, installation: Installation, place: Place, *, lost: bool = False
    ) -> None:
        """Take a repository out of an installation."""
        repository = self.world.repository(place)
        self._selected(installation).discard(repository.id)
        await self._tell_repositories(installation, "removed", repository, lost=lost)

    async def add_repository_to_installation(
        self, installation: Installation, place: Place, *, lost: bool = False
    ) -> None:
        """Add a repository to an installation."""
        repository = self.world.repository(place)
        self._selected(installation).add(repository.id)
        await self._tell_repositories(installation, "added", repository, lost=lost)

    async def ping(self, app: App) -> Delivery:
        """Send the ping that GitHub sends when a hook is made."""
        content: Json = {
            "zen": "Keep it logically awesome.",
            "hook_id": app.hook_id,
            "hook": accounts.hook(app),
        }
        return await self.courier.send(Event(name="ping", action=None, sender=app.owner, content=lambda: content), app)

    async def redeliver(self, delivery: Delivery) -> Delivery:
        """Press "Redeliver" in the App's settings: same GUID, same bytes."""
        return await self.courier.again(delivery)

    def _selected(self, installation: Installation) -> set[int]:
        if installation.repository_ids is None:
            raise NoSuchThing("The App is installed on all repositories; install it on chosen ones to change them.")
        return installation.repository_ids

    async def _tell_installation(self, installation: Installation, action: str, *, lost: bool) -> None:
        """Tell the App about its installation, also when it is suspended or gone."""
        if lost:
            return
        content: Json = {
            "installation": accounts.installation(self.world, installation),
            "repositories": [events.short_repository(self.world, one) for one in self._seen(installation)],
        }
        event = Event(name="installation", action=action, sender=self._owner(installation), content=lambda: content)
        await self.courier.tell_installation(event, installation)

    async def _tell_repositories(
        self, installation: Installation, action: str, repository: Repository, *, lost: bool
    ) -> None:
        if lost:
            return
        changed = [events.short_repository(self.world, repository)]
        content: Json = {
            "installation": accounts.installation(self.world, installation),
            "repository_selection": "selected",
            "repositories_added": changed if action == "added" else [],
            "repositories_removed": changed if action == "removed" else [],
            "requester": None,
        }
        event = Event(
            name="installation_repositories", action=action, sender=self._owner(installation), content=lambda: content
        )
        await self.courier.tell_installation(event, installation)

    def _seen(self, installation: Installation) -> list[Repository]:
        ids = installation.repository_ids
        mine = [one for one in self.world.living() if one.owner is installation.account]
        return [one for one in mine if ids is None or one.id in ids]

    def _owner(self, installation: Installation) -> Account:
        """Name a person: an organisation does nothing by itself."""
        return installation.account if installation.account.type == "User" else self._user(OWNER_LOGIN)
