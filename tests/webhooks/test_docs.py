"""The page about the door names what the door knows."""

import re
from pathlib import Path

from webhooks.checks import BUTTONS
from webhooks.events import ABOUT
from webhooks.pull_requests import NEW_HEAD, SAME_HEAD
from webhooks.upkeep import ACTIONS

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
NAMED = set(re.findall(r"`([a-z_-]+)`", PAGE))


def test_every_event_and_every_action_that_we_act_on_is_named() -> None:
    acted_on = NEW_HEAD | SAME_HEAD | {action for actions in ACTIONS.values() for action in actions}

    assert (set(ABOUT) | acted_on) - NAMED == set()


def test_every_button_is_named() -> None:
    assert set(BUTTONS) - NAMED == set()
