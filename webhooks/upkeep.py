"""Upkeep: installations and repositories that come, go or change their names.

Each event is a run of its own: two of one installation must not supersede each other, for each speaks of other
repositories.
"""

from typing import Final

from pipeline.engine.request import RunRequest
from pipeline.engine.stage import JsonValue
from webhooks.decision import Decision, MergeGroup, Pong, Upkeep
from webhooks.event import Event, ignored
from webhooks.own import Own
from webhooks.payloads import MergeGroupEvent, UpkeepEvent
from webhooks.pull_requests import NO_INSTALLATION
from webhooks.requests import origin

ACTIONS: Final = {
    "installation": frozenset({"created", "deleted", "suspend", "unsuspend", "new_permissions_accepted"}),
    "installation_repositories": frozenset({"added", "removed"}),
    "installation_target": frozenset({"renamed"}),
    "repository": frozenset({"renamed", "transferred", "deleted"}),
}
"""The actions of each event after which something stored has to change."""

REPOSITORIES_MAX: Final = 1_000
"""Repositories named in one request: a run is no place for a list of any length. `left_out` counts the rest."""


def decide_upkeep(event: Event, own: Own) -> Decision:
    """Decide about an event of an installation or a repository.

    Raises:
        Refused: The payload of an action that we know has another shape.
    """
    if event.action not in ACTIONS[event.name]:
        return ignored(event, "nothing that is stored depends on it")
    read = event.read(UpkeepEvent)
    if read.installation is None:
        return ignored(event, NO_INSTALLATION)
    return Upkeep(request=_upkeep_request(event, own, read, read.installation.id))


def decide_merge_group(event: Event, own: Own) -> Decision:
    """Decide about a `merge_group` event: a required check that is never reported would hang the queue.

    Raises:
        Refused: The payload of an action that we know has another shape.
    """
    if event.action != "checks_requested":
        return ignored(event, "the merge queue asks for nothing")
    read = event.read(MergeGroupEvent)
    if read.installation is None:
        return ignored(event, NO_INSTALLATION)
    where, group = origin(read, read.installation, own), read.merge_group
    return MergeGroup(
        request=RunRequest(
            subject=where.named(f"merge_group/{group.head_sha}"),
            revision=group.head_sha,
            params={
                "merge_group": {
                    "host": where.host,
                    "repository_id": where.repository.id,
                    "head": group.head_sha,
                    "head_ref": group.head_ref,
                    "base": group.base_sha,
                },
                "place": where.place(),
            },
        )
    )


def decide_ping(_event: Event, _own: Own) -> Decision:
    """Decide about a `ping`: it may come from a hook without an App, and all it wants is an answer."""
    return Pong()


def _upkeep_request(event: Event, own: Own, read: UpkeepEvent, installation: int) -> RunRequest:
    named = [*(read.repositories or ()), *read.repositories_added, *read.repositories_removed]
    if read.repository is not None:
        named.append(read.repository)
    repositories: list[JsonValue] = [{"id": one.id, "full_name": one.full_name} for one in named[:REPOSITORIES_MAX]]
    return RunRequest(
        subject=f"github/{own.host}/installation/{installation}/upkeep/{event.delivery}",
        revision=event.delivery,
        params={
            "upkeep": {
                "host": own.host,
                "event": event.name,
                "action": event.action,
                "installation": installation,
                "repositories": repositories,
                "left_out": len(named) - len(repositories),
            }
        },
    )
