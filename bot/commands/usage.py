"""`onceover usage`: what model calls cost, by repository, pull request, installation, model, day or run."""

import asyncio
from datetime import date, timedelta
from typing import Annotated, Final, Literal, TypeAlias

from cyclopts import Parameter

from bot.exit_codes import ExitCode
from bot.opened_store import open_store, settings_of_process
from bot.output import result_page, write_json, write_text
from bot.usage_ledger import KEPT_DAYS_NARROW, KEPT_DAYS_WIDE, RedisUsage, Sum
from bot.usage_page import usage_json, usage_table
from pipeline.engine.errors import AskPerson
from pipeline.review.ledger import Scope
from pipeline.review.wording import count

DAYS: Final = 30
"""Days that are told unless asked otherwise, today among them."""

By: TypeAlias = Literal["repository", "pull", "installation", "model", "day", "run"]


class BadDays(AskPerson):
    """So many days are not kept."""

    code = "usage"


def usage(
    *,
    by: Annotated[By, Parameter(help="Whose sums.")] = "repository",
    days: Annotated[int, Parameter(help=f"How many days (UTC), today among them; at most {KEPT_DAYS_WIDE}.")] = DAYS,
    as_json: Annotated[
        bool, Parameter(name="--json", negative="", show_default=False, help="Print JSON instead of text.")
    ] = False,
) -> ExitCode:
    """Tell what model calls cost."""
    if not 1 <= days <= KEPT_DAYS_WIDE:
        raise BadDays(f"--days is {days}; expected 1 to {KEPT_DAYS_WIDE}.", next_step="Sums of a day go after that.")
    sums, since, until = asyncio.run(_read(by, days))
    if as_json:
        write_json(usage_json(by, sums, since=since, until=until))
    elif sums:
        write_text(f"{_title(by, days)}\n\n")
        with result_page() as page:
            page.print(usage_table(by, sums))
    else:
        write_text(_nothing(days))
    return ExitCode.DONE


async def _read(by: By, days: int) -> tuple[tuple[Sum, ...], date, date]:
    async with open_store(settings_of_process()) as opened:
        ledger = RedisUsage(opened.redis, opened.store.settings.prefix)
        until = await ledger.today()
        since = until - timedelta(days=days - 1)
        if by == "day":
            return await ledger.by_day(since=since, until=until), since, until
        return await ledger.listed(Scope(by), since=since, until=until), since, until


def _title(by: By, days: int) -> str:
    match by:
        case "run":
            return f"Model calls of the runs of the last {KEPT_DAYS_NARROW} days, probes and lost answers included"
        case "day":
            return f"Model calls of the last {count(days, 'day')} (UTC)"
        case _:
            return f"Model calls of the last {count(days, 'day')} (UTC), by {by}"


def _nothing(days: int) -> str:
    return (
        f"No model was asked in the last {count(days, 'day')}.\n"
        "Set OPENAI_API_KEY (or OPENAI_BASE_URL) and ONCEOVER_LLM_MODEL, then `onceover review` in a repository;"
        " `onceover review --estimate` tells beforehand what that would cost.\n"
    )
