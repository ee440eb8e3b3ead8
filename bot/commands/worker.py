"""`onceover worker`: do the work."""

from typing import Annotated, Final

from cyclopts import Parameter

from bot.app.running import parse_roles, read_app_settings, run_process
from bot.app_credentials import Role
from bot.exit_codes import ExitCode

ALL: Final = frozenset({Role.REVIEWER, Role.PUBLISHER, Role.BROKER})


def worker(
    *,
    roles: Annotated[
        str, Parameter(help="Roles of this process, with commas between: reviewer, publisher, broker.")
    ] = "reviewer,publisher,broker",
) -> ExitCode:
    """Move runs on: review, publish, hand out tokens."""
    held = parse_roles(roles, allowed=ALL)
    return run_process(read_app_settings(held), held)
