"""`onceover serve`: take deliveries."""

from bot.app.running import read_app_settings, run_process
from bot.app_credentials import Role
from bot.exit_codes import ExitCode

ROLES = frozenset({Role.DOOR})


def serve() -> ExitCode:
    """Take GitHub's deliveries and store them; do no work."""
    return run_process(read_app_settings(ROLES), ROLES)
