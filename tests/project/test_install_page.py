"""The installation page: its tables are those of the settings, and its links lead somewhere."""

import re

from bot.cli import make_app
from tests.project.settings_page import PAGE, filled
from tests.project.test_command_start import names_below


def test_the_tables_of_the_installation_page_are_those_of_the_settings() -> None:
    page = PAGE.read_text()

    assert page == filled(page), "Write them anew: python -m tests.project.settings_page"


def test_the_links_of_the_installation_page_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", PAGE.read_text())

    assert targets
    assert [target for target in targets if not _leads_somewhere(target)] == []


def test_the_commands_that_the_installation_page_tells_one_to_type_exist() -> None:
    typed = re.findall(r"(?:`|\$ )onceover ([a-z]+)", PAGE.read_text())

    assert typed
    assert set(typed) <= {name.split()[0] for name in names_below(make_app())}


def _leads_somewhere(target: str) -> bool:
    file, _, anchor = target.partition("#")
    page = PAGE.parent / file if file else PAGE
    return page.is_file() and (not anchor or anchor in _anchors(page.read_text()))


def _anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
