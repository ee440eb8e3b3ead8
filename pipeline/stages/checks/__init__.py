"""Stage test, by the repository's own checks: what its CI says of the head commit.

`look` reads checks and statuses, `details` reads what failed ones say, `changed` the lines that
they may meet, `stage` waits and puts them together.
"""

from pipeline.stages.checks.changed import changed_lines
from pipeline.stages.checks.details import Changes
from pipeline.stages.checks.parameters import Params, Testing
from pipeline.stages.checks.stage import APPEAR_SECONDS, POLL_SECONDS, QUIET_SECONDS, SIGNAL, VERSION, make_checks

__all__ = (
    "APPEAR_SECONDS",
    "POLL_SECONDS",
    "QUIET_SECONDS",
    "SIGNAL",
    "VERSION",
    "Changes",
    "Params",
    "Testing",
    "changed_lines",
    "make_checks",
)
