"""Event: one signed payload under the name that came with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import ValidationError

from webhooks.decision import Ignored
from webhooks.payloads import Shape
from webhooks.refused import malformed

Fits = TypeVar("Fits", bound=Shape)

PROBLEMS_MAX: Final = 3
"""Problems told of one payload: enough to see that it is another event's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened at GitHub, as it says."""

    name: str
    action: str | None
    delivery: str
    payload: Mapping[str, object]

    def __str__(self) -> str:
        return f"{self.name}.{self.action}" if self.action else self.name

    def read(self, shape: type[Fits]) -> Fits:
        """Read the payload narrowly.

        Raises:
            Refused: 400, because an event and action that we know does not look like this one.
        """
        try:
            return shape.model_validate(self.payload)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)[:PROBLEMS_MAX]
            told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in problems)
            raise malformed(f"The payload is not a {self}: {told}.") from error


def ignored(event: Event, why: str) -> Ignored:
    """Ignore an event with a reason that names it."""
    return Ignored(reason=f"{event}: {why}")
