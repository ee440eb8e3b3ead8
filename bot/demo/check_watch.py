"""Check watch: the check run of a pull request, told line by line as it moves."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bot.demo.simulated_github.accounts import App
from bot.demo.simulated_github.checks import CheckRun
from bot.demo.simulated_github.leftovers import check_runs
from bot.demo.simulated_github.repositories import Pull

_ROW: Final = re.compile(r"^\| (?P<mark>\S) \| (?P<stage>\w+) \|", re.MULTILINE)


@dataclass(slots=True, kw_only=True)
class CheckWatch:
    """Somebody who looks at the pull request's page."""

    pull: Pull
    app: App
    say: Callable[[str], None]
    look_seconds: float
    _seen: str = ""

    async def run(self) -> None:
        """Tell each change, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(self.look_seconds)

    def look(self) -> None:
        """Tell what it shows, if that is new."""
        for run in check_runs(self.pull, self.app):
            if (shown := strip(run)) != self._seen:
                self._seen = shown
                self.say(f"   check run  {shown}")


def strip(run: CheckRun) -> str:
    """Write a check run in one line: its stages while it moves, its title in the end."""
    if run.conclusion:
        return f"{run.conclusion}: {run.title}"
    rows = [f"{row['mark']} {row['stage']}" for row in _ROW.finditer(run.summary or "")]
    return "  ".join(rows) or str(run.title)
