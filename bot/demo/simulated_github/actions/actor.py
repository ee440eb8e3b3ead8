"""Actor: what all actions have in common."""

from typing import TypeAlias

from bot.demo.simulated_github.accounts import Account
from bot.demo.simulated_github.courier import Courier, Event
from bot.demo.simulated_github.repositories import Repository
from bot.demo.simulated_github.world import NoSuchThing, World

Place: TypeAlias = Repository | str
"""A repository, or its full name."""


class Actor:
    """Somebody who acts; the state and the courier are those of the running server."""

    world: World
    _courier: Courier | None = None

    @property
    def courier(self) -> Courier:
        """Who sends the webhooks.

        Raises:
            NoSuchThing: Before the server runs.
        """
        if self._courier is None:
            raise NoSuchThing("The simulated GitHub does not run. Use it as `async with SimulatedGitHub() as github:`.")
        return self._courier

    async def _tell(self, event: Event, *, lost: bool) -> None:
        await self.courier.tell(event, lost=lost)

    def _user(self, login: str) -> Account:
        return self.world.account(login)
