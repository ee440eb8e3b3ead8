"""Identifiers: no two objects of the whole simulated GitHub share a number.

A program that mixes up a comment's id with a review's is then found out by a 404 instead of by luck. Ids of comments
and check runs do not fit 32 bits, as on GitHub. The serial that each id is built on also says what was made when.
"""

import base64
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal[
    "App", "Hook", "User", "Installation", "Repository", "PullRequest", "Issue", "IssueComment", "Review",
    "ReviewComment", "Reaction", "CheckRun", "CheckSuite", "Status", "Label", "WorkflowRun", "Job", "Delivery",
]  # fmt: skip

BASES: Final[dict[Kind, int]] = {
    "App": 300_000,
    "Hook": 400_000_000,
    "User": 9_000_000,
    "Installation": 50_000_000,
    "Repository": 700_000_000,
    "PullRequest": 1_800_000_000,
    "Issue": 2_200_000_000,
    "IssueComment": 3_400_000_000,
    "Review": 2_600_000_000,
    "ReviewComment": 2_900_000_000,
    "Reaction": 240_000_000,
    "CheckRun": 61_000_000_000,
    "CheckSuite": 52_000_000_000,
    "Status": 38_000_000_000,
    "Label": 5_000_000_000,
    "WorkflowRun": 18_000_000_000,
    "Job": 57_000_000_000,
    "Delivery": 90_000_000_000,
}
"""Where the ids of a kind begin: about as large as GitHub's are today, and far from each other."""


@dataclass(slots=True)
class Identifiers:
    """The one counter."""

    serial: int = 1000

    def next(self, kind: Kind) -> int:
        """Make the id of a new object; `serial` is then the object's own."""
        self.serial += 1
        return BASES[kind] + self.serial


def node_id(kind: Kind, number: int) -> str:
    """Give the opaque GraphQL id that goes with a number."""
    return base64.urlsafe_b64encode(f"{kind}:{number}".encode()).decode()
