"""`onceover doctor`: say what this installation lacks, and the fix for each."""

import asyncio
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.app.running import parse_roles
from bot.app_credentials import ALL_ROLES, wanted_by
from bot.commands.runs import AsJson
from bot.doctor.check import Examined
from bot.doctor.outcome import Failed, Outcome, Skipped
from bot.exit_codes import ExitCode
from bot.logs import set_up_logs
from bot.output import result_page, write_json
from bot.settings import read_settings
from pipeline.review.visible import visible
from pipeline.review.wording import count

SCHEMA_VERSION: Final = 1

LOOKS: Final[Mapping[str, tuple[str, str]]] = {
    "ok": ("✔", "green"),
    "warning": ("!", "yellow"),
    "failed": ("✘", "bold red"),
    "skipped": ("·", "dim"),
}


def doctor(
    *,
    roles: Annotated[str | None, Parameter(help="Roles of this host, with commas between; all without.")] = None,
    deep: Annotated[
        bool, Parameter(negative="", show_default=False, help="Also ask the model for one word, which costs a little.")
    ] = False,
    as_json: AsJson = False,
) -> ExitCode:
    """Check this installation and say the fix for what is wrong."""
    held = ALL_ROLES if roles is None else parse_roles(roles, allowed=ALL_ROLES)
    # Here and not above: it loads HTTP clients that `--help` and a refusal need not wait for.
    from bot.doctor.examination import examine_installation  # noqa: PLC0415

    settings = read_settings(os.environ, Path.cwd() / ".env", credentials=wanted_by(held))
    set_up_logs(settings.telemetry.log_format)
    found = asyncio.run(examine_installation(settings, os.environ, held, deep=deep))
    if as_json:
        write_json(as_document(found))
    else:
        with result_page() as page:
            tell(found, page)
    return ExitCode.CONFIGURATION if has_failed(found) else ExitCode.DONE


def has_failed(found: Sequence[Examined]) -> bool:
    """Whether something has to be done before Onceover can keep its promises."""
    return any(isinstance(one.outcome, Failed) for one in found)


def as_document(found: Sequence[Examined]) -> dict[str, object]:
    """Write the result as `docs/json.md` describes it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "fine": not has_failed(found),
        "checks": [
            {
                "name": one.name,
                "state": one.outcome.state,
                "said": one.outcome.said,
                "next_step": one.outcome.next_step,
                "seconds": round(one.seconds, 3),
            }
            for one in found
        ],
    }


def tell(found: Sequence[Examined], page: Console) -> None:
    """Write the result as a table for a person."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for column in ("", "", ""):
        table.add_column(column, no_wrap=False, overflow="fold")
    for one in found:
        if isinstance(one.outcome, Skipped) and not one.outcome.next_step:
            continue  # Only follows from another line; `--json` has it.
        mark, style = LOOKS[one.outcome.state]
        table.add_row(Text(mark, style=style), Text(one.name, no_wrap=True), _words(one.outcome))
    page.print(table)
    page.print(Text(f"\n{_counted(found)}"), soft_wrap=True)


def _words(outcome: Outcome) -> Text:
    said = Text(visible(outcome.said, lines=False), style="dim" if isinstance(outcome, Skipped) else "")
    if outcome.next_step:
        said.append(
            f"\n→ {visible(outcome.next_step, lines=False)}", style="" if isinstance(outcome, Failed) else "dim"
        )
    return said


def _counted(found: Sequence[Examined]) -> str:
    states = Counter(one.outcome.state for one in found)
    if not states["failed"] and not states["warning"]:
        return f"{count(states['ok'], 'check')} fine, {states['skipped']} skipped. Nothing to do."
    return (
        f"{states['failed']} failed, {count(states['warning'], 'warning')}, {states['ok']} fine, "
        f"{states['skipped']} skipped. Run `onceover doctor` again after the changes."
    )
