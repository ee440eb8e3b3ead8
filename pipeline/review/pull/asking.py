"""Asking: what a request for the review of one head says, whether a delivery, a command or a search asks.

Promises that all of them ask for the same run: its subject, its topic and the parameters that results depend on come
from the pull request alone. Who asked, and how the repository is reached today, stand beside them.
"""

from collections.abc import Sequence
from datetime import datetime

from pipeline.engine.request import RunRequest, name_in_repository


def review_request(  # noqa: PLR0913 - each is one of the parameters that stages read
    *,
    host: str,
    repository_id: int,
    number: int,
    head: str,
    installation: int,
    repository: str,
    by: str = "",
    why: str,
    order: int,
    again: Sequence[str] = (),
    fresh: bool = False,
) -> RunRequest:
    """Ask for a review of one head.

    Args:
        host: Network location of the API's address.
        repository_id: The repository.
        number: Of the pull request.
        head: The SHA to review.
        installation: How to reach the repository today.
        repository: Its name today, `owner/name`.
        by: The login of who asks; empty if nobody does.
        why: Event and action, as `pull_request.opened`; `command`; `recovered`.
        order: When this head was the newest (`order_of`); 0 if that is not known.
        again: Stages that look anew if this head was reviewed before.
        fresh: Do everything anew, even what is done.
    """
    return RunRequest(
        subject=name_in_repository(host, repository_id, number),
        revision=head,
        params={
            "pull": {"host": host, "repository_id": repository_id, "number": number, "head": head},
            "place": {"installation": installation, "repository": repository},
            "trigger": {"by": by, "why": why},
        },
        order=order,
        again=tuple(again),
        fresh=fresh,
        topics=(name_in_repository(host, repository_id, head),),
    )


def order_of(updated_at: datetime | None) -> int:
    """Say when a head was the newest: milliseconds since 1970, by GitHub's clock; 0 if it is not known."""
    return round(updated_at.timestamp() * 1000) if updated_at else 0
