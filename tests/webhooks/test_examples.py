"""Every webhook that GitHub's own examples know is answered 2xx, with a reason where nothing is done.

The examples are those of npm `@octokit/webhooks-examples`: github.com and five versions of GitHub Enterprise Server.
"""

import json
from collections.abc import Iterator
from typing import TypeAlias

import pytest

from tests.npm_package import npm_package, packed_file
from webhooks.own import Own

from .payloads import Json
from .world import World

VERSION = "7.6.1"
SHA256 = "89e6cb1c6345d32e3dd775617fa54effbdc26c859e514898d7728e95e9738280"
HOSTS = ["api.github.com", "ghes-31", "ghes-32", "ghes-33", "ghes-34", "ghes-35"]

Examples: TypeAlias = list[tuple[str, Json]]


@pytest.fixture(scope="module", params=HOSTS)
def examples(request: pytest.FixtureRequest) -> Examples:
    """All examples of one host, as event and payload."""
    package = npm_package("@octokit/webhooks-examples", VERSION, sha256=SHA256)
    events = json.loads(packed_file(package, f"{request.param}/index.json"))
    return [(event["name"], payload) for event in events for payload in event["examples"]]


async def answers(examples: Examples, world: World) -> Iterator[tuple[str, int, Json]]:
    """What the door says to each, under the name of event and action."""
    heard = [
        (f"{name}.{payload.get('action')}", await world.deliver(name, payload, delivery=f"d-{number}"))
        for number, (name, payload) in enumerate(examples)
    ]
    return iter((name, each.status, each.json) for name, each in heard)


async def test_every_example_is_answered_2xx_and_what_is_ignored_has_a_reason(examples: Examples) -> None:
    world = World()

    heard = list(await answers(examples, world))

    assert len(heard) == len(examples) > 10
    assert [(name, answer) for name, status, answer in heard if status != 202] == []
    assert [name for name, _, answer in heard if answer["outcome"] == "ignored" and not answer["reason"]] == []
    assert len(world.inbox.deliveries) == len(examples)


async def test_every_example_is_taken_when_it_comes_by_way_of_an_installation(examples: Examples) -> None:
    """Many examples were recorded at hooks of a repository, and carry none: this one walks the rest of the road."""
    installed = [(name, {"installation": {"id": 3}} | payload) for name, payload in examples]

    heard = list(await answers(installed, World(own=Own(host="api.github.com"))))

    assert [(name, answer) for name, status, answer in heard if status != 202] == []
    accepted = {name for name, _, answer in heard if answer["outcome"] == "accepted"}
    assert accepted >= {"pull_request.opened", "check_suite.completed", "workflow_run.completed", "status.None"}


async def test_without_an_installation_the_reason_says_so(examples: Examples) -> None:
    alone = [(name, {k: v for k, v in payload.items() if k != "installation"}) for name, payload in examples]

    heard = [answer for name, _, answer in await answers(alone, World()) if name == "pull_request.opened"]

    assert heard
    assert all("no installation" in str(answer["reason"]) for answer in heard)
