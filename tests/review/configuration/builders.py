"""Small words for the tests of the configuration."""

from dataclasses import replace

from pipeline.review.configuration.ceilings import Ceilings
from pipeline.review.configuration.decision import PullFacts
from pipeline.review.configuration.model import Configuration
from pipeline.review.configuration.reading import ReadConfiguration, read_configuration

GENEROUS = Ceilings(sandbox=True, wait_minutes_max=1_440, command_seconds_max=86_400)
"""An operator who lowers nothing."""


def read(
    text: str | bytes | None, *, organisation: str | None = None, ceilings: Ceilings = GENEROUS
) -> ReadConfiguration:
    """Read a repository's file and an organisation's."""
    content = text.encode() if isinstance(text, str) else text
    above = None if organisation is None else organisation.encode()
    return read_configuration(content, organisation=above, ceilings=ceilings)


def configured(text: str) -> Configuration:
    """Read a file that has no problem."""
    found = read(text)
    assert found.problems == ()
    return found.configuration


def told(text: str | bytes) -> list[str]:
    """Read a file and tell its problems, each as `line:column message`."""
    return [f"{one.line}:{one.column} {one.message}" for one in read(text).problems]


def a_pull(trigger: str = "pull_request.opened", **facts: object) -> PullFacts:
    """Make the facts of an ordinary pull request, but for those that are named."""
    ordinary = PullFacts(author_login="ada", base_ref="main", trigger=trigger)
    return replace(ordinary, **facts)  # type: ignore[arg-type]  # A test names fields of different types.
