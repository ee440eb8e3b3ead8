"""`onceover deliveries`: what GitHub sent, and what it could not deliver."""

import asyncio
import dataclasses
from datetime import UTC, datetime
from typing import Annotated, Final

from cyclopts import Parameter

from bot.app.running import read_app_settings
from bot.app_credentials import Role, required_for
from bot.commands.runs import AsJson
from bot.exit_codes import ExitCode
from bot.opened_store import open_store, settings_of_process
from bot.output import result_page, write_json
from pipeline.engine.delivery import DeliveryRecord
from pipeline.engine.errors import AskPerson
from pipeline.review.visible import visible
from pipeline.review.wording import count

BROKER: Final = frozenset({Role.BROKER})


class UnknownDelivery(AskPerson):
    """No delivery of that id was taken here."""

    code = "unknown_delivery"


def recover(*, as_json: AsJson = False) -> ExitCode:
    """Have GitHub redeliver what failed, and review the heads that were missed."""
    settings = read_app_settings(BROKER)

    async def look() -> ExitCode:
        from bot.app.process import open_app  # noqa: PLC0415 - it loads githubkit, which `--help` need not wait for.

        async with open_app(settings, required_for(BROKER, settings), BROKER) as process:
            recovery = process.recovery
            if recovery is None:
                raise AskPerson("This process cannot look for missed deliveries.", next_step="It needs the App's key.")
            found = await recovery.look()
        if as_json:
            write_json({**dataclasses.asdict(found), "problems": list(found.problems)})
        else:
            with result_page() as page:
                repositories = count(found.repositories, "repository", "repositories")
                page.print(f"Missed deliveries: {found.redelivered} of {found.failed_deliveries} are sent again.")
                page.print(f"Missed heads in {repositories}: {found.heads} are to be reviewed.")
                for problem in found.problems:
                    page.print(f"not looked at: {visible(problem, lines=False)}", markup=False, soft_wrap=True)
        return ExitCode.UPSTREAM if found.problems else ExitCode.DONE

    return asyncio.run(look())


def show(
    delivery: Annotated[str, Parameter(help="Its id, as in X-GitHub-Delivery.")], *, as_json: AsJson = False
) -> ExitCode:
    """Tell what became of one delivery, and why."""

    async def read() -> DeliveryRecord:
        async with open_store(settings_of_process()) as opened:
            record = await opened.store.delivery(delivery)
        if record is None:
            shown = visible(delivery, lines=False)
            raise UnknownDelivery(
                f"No delivery {shown} was taken here.",
                next_step="`onceover deliveries recover` has GitHub send again what failed.",
            )
        return record

    record = asyncio.run(read())
    if as_json:
        write_json(dataclasses.asdict(record))
        return ExitCode.DONE
    at = datetime.fromtimestamp(record.at_ms / 1000, tz=UTC).astimezone()
    run = f", run {record.run}" if record.run else ""
    why = f": {record.reason}" if record.reason else ""
    with result_page() as page:
        text = f"{record.event}, {at:%Y-%m-%d %H:%M:%S}: {record.outcome}{run}{why}"
        page.print(visible(text, lines=False), markup=False, soft_wrap=True)
    return ExitCode.DONE
