"""`onceover dev`: the whole App in one process."""

from bot.app.running import read_app_settings, run_process
from bot.app_credentials import ALL_ROLES
from bot.exit_codes import ExitCode


def dev() -> ExitCode:
    """Run the web process, all workers and a Redis of its own in one process."""
    return run_process(read_app_settings(ALL_ROLES), ALL_ROLES)
