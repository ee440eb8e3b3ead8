"""Counters: how many deliveries came to what, since this process started.

In Prometheus' text format (exposition format 0.0.4). Two counters with bounded labels need no library; a sum over all
processes is Prometheus' own work.
"""

from collections import Counter
from typing import Final

from webhooks.events import ABOUT

OTHER: Final = "other"
"""Stands for all events that we do not know: a sender of signed nonsense must not make a series per word."""


class Counters:
    """Count what the door answers."""

    def __init__(self) -> None:
        self._taken: Final[Counter[tuple[str, str]]] = Counter()
        self._refused: Final[Counter[str]] = Counter()

    def took(self, event: str, outcome: str) -> None:
        """Count a delivery that was answered 202."""
        self._taken[event if event in ABOUT else OTHER, outcome] += 1

    def refused(self, code: str) -> None:
        """Count a delivery that was turned away, by the code of the answer."""
        self._refused[code] += 1

    def text(self) -> str:
        """Render for Prometheus."""
        return "".join(
            [
                "# HELP onceover_deliveries_total Deliveries answered 202, by event and outcome.\n",
                "# TYPE onceover_deliveries_total counter\n",
                *(
                    f'onceover_deliveries_total{{event="{event}",outcome="{outcome}"}} {count}\n'
                    for (event, outcome), count in sorted(self._taken.items())
                ),
                "# HELP onceover_deliveries_refused_total Deliveries turned away, by the code of the answer.\n",
                "# TYPE onceover_deliveries_refused_total counter\n",
                *(
                    f'onceover_deliveries_refused_total{{code="{code}"}} {count}\n'
                    for code, count in sorted(self._refused.items())
                ),
            ]
        )
