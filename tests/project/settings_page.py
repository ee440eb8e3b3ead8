"""Settings page: the tables of `docs/install.md`, made from the settings themselves so that they stay true.

Write them anew with `python -m tests.project.settings_page`.
"""

from collections.abc import Iterator
from typing import Final

from bot.app_credentials import NEEDS, Role
from bot.credentials_file import IN_CREDENTIALS, PRIVATE_KEYS
from bot.settings import NOT_FROM_A_FILE, VARIABLES
from bot.settings_tree import PRIVATE_KEY
from bot.setup.app_needs import EVENTS, PERMISSIONS
from tests.project import ROOT

PAGE: Final = ROOT / "docs" / "install.md"

NONE: Final = "none"

DEFAULTS: Final = {"ONCEOVER_STATE_DIR": "`~/.local/state/onceover`"}
"""What is worked out and stands nowhere as a default."""


def settings_table() -> str:
    """Make a Markdown table of all settings, in the order of the tree."""
    rows = (
        f"| `{variable}` | {_default(variable)} | {setting.expected} | {_use(variable)} |"
        for variable, setting in VARIABLES.items()
    )
    return "\n".join(["| variable | default | form | what for |", "|---|---|---|---|", *rows])


def roles_table() -> str:
    """Make a Markdown table of what each role must be given."""
    variables = list(dict.fromkeys(variable for needed in NEEDS.values() for variable in needed))
    heads = " | ".join(f"`{PRIVATE_KEY}` or `_FILE`" if one == PRIVATE_KEY else f"`{one}`" for one in variables)
    rows = (f"| {role} | {' | '.join('yes' if one in NEEDS[role] else '' for one in variables)} |" for role in Role)
    return "\n".join([f"| role | {heads} |", f"|---|{'---|' * len(variables)}", *rows])


def permissions_table() -> str:
    """Make a Markdown table of what the App asks for."""
    rows = (
        f"| `{name}` | {need.level} | {need.why} | {'yes' if need.is_vital else 'if you have it'} |"
        for name, need in PERMISSIONS.items()
    )
    return "\n".join(["| permission | level | what for | needed |", "|---|---|---|---|", *rows])


def events_table() -> str:
    """Make a Markdown table of what the App subscribes to."""
    rows = (f"| `{name}` | {why} |" for name, why in EVENTS.items())
    return "\n".join(["| event | tells that |", "|---|---|", *rows])


def _default(variable: str) -> str:
    field = VARIABLES[variable].field
    if variable in DEFAULTS:
        return DEFAULTS[variable]
    return NONE if field.is_required() or field.default in {None, ()} else f"`{field.default}`"


def _use(variable: str) -> str:
    return " ".join(_sentences(variable))


def _sentences(variable: str) -> Iterator[str]:
    use = (VARIABLES[variable].field.description or "").partition("; ")[2]
    yield f"{use[:1].upper()}{use[1:]}."
    if variable in PRIVATE_KEYS:
        yield "Set one of the two."
    if variable in IN_CREDENTIALS:
        yield "May stand in the credentials file."
    if variable in NOT_FROM_A_FILE:
        yield "Not read from `.env`."


def filled(page: str) -> str:
    """Put the tables between their marks."""
    tables = {
        "settings": settings_table(),
        "roles": roles_table(),
        "permissions": permissions_table(),
        "events": events_table(),
    }
    for name, table in tables.items():
        page = _filled(page, name, table)
    return page


def _filled(page: str, name: str, table: str) -> str:
    begin, end = f"<!-- {name}: made by tests/project/settings_page.py -->", f"<!-- end of {name} -->"
    assert begin in page, begin
    assert end in page, end
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n{table}\n{end}{rest.partition(end)[2]}"


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
