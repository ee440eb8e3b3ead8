"""Check: the check run of a run, made once and then moved.

Making one is not idempotent at GitHub, and a required check follows the newest: so the ledger knows the intent before
the call and the id after it, and an intent that nobody confirmed is looked for by name, commit, App and external id.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from pipeline.engine.effects import Effect, Effects
from pipeline.engine.stage import JsonValue
from pipeline.services.github.checks import Checks, CheckState
from pipeline.services.github.errors import Gone
from pipeline.services.github.models import CheckRun
from pipeline.services.projection.written import check_lag, confirmed, digest, is_current

LEDGER: Final = "check "
"""What its name in the ledger begins with; the commit and the external id follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check run on one commit."""

    effects: Effects
    checks: Checks
    name: str
    """What people see, and what a branch may require."""
    sha: str
    external_id: str
    """Ours; found again by it."""
    app_id: Callable[[], Awaitable[int]]
    line: int
    """The pull request's number: its writes keep their order."""

    @property
    def ledger(self) -> str:
        """Its name in the ledger."""
        return f"{LEDGER}{self.sha} {self.external_id}"

    async def show(self, state: CheckState, more: Mapping[str, JsonValue] | None = None) -> int | None:
        """Make the check run show this; answer its id.

        A run that ended before it was ever shown gets its check run all the same, concluded.

        Raises:
            EffectsStopped: Another process shows this run.
            NotShownYet: It may be there already; look again later.
            RetryLater: GitHub did not do it, or nobody knows whether it did.
        """
        wanted = replace(state, external_id=self.external_id)
        content = digest(wanted.as_json())
        effect = await self.effects.begin(self.ledger)
        if is_current(effect, content):
            return effect.id
        shown = await self._update(effect, wanted)
        if shown is None:
            shown = await self.checks.create(self.sha, name=self.name, state=wanted, line=self.line)
        await self.effects.confirm(self.ledger, confirmed(shown.id, content, more or {}))
        return shown.id

    async def _update(self, effect: Effect, wanted: CheckState) -> CheckRun | None:
        """Update the check run that is there; None if there is none, for certain."""
        known = effect.id
        if effect.standing == "intended":
            known = await self._find()
            if known is None:
                check_lag(effect, f"Check run {self.name} of {self.sha[:12]}")
                await self._begin_anew("it was looked for and is not there")
        if known is None:
            return None
        try:
            return await self.checks.update(known, state=wanted, line=self.line)
        except Gone:
            await self._begin_anew("it is gone")
            return None

    async def _begin_anew(self, why: str) -> None:
        await self.effects.forget(self.ledger, why)
        await self.effects.begin(self.ledger)

    async def _find(self) -> int | None:
        app_id = await self.app_id()
        found = await self.checks.find(self.sha, name=self.name, app_id=app_id, external_id=self.external_id)
        return min((one.id for one in found), default=None)
