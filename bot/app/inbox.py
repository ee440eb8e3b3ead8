"""Inbox: deliveries and commands, put into the engine's store.

Implements the port of the door. Each call is one script that also remembers the delivery; the wake-up that follows may
be lost, for the sweep finds what was stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bot.app.graphs import Graphs
from pipeline.engine import delivery as engine
from pipeline.engine.records import Submission
from pipeline.engine.request import RunRequest
from pipeline.engine.store import Store
from pipeline.engine.wakeup import WakeUps
from webhooks.inbox import Delivery, Kind, Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreInbox:
    """The durable side of the door. Implements `webhooks.inbox.Inbox`."""

    store: Store
    graphs: Graphs
    wakeups: WakeUps

    async def submit(self, delivery: Delivery, kind: Kind, request: RunRequest) -> Receipt:
        """Make or join the run that is asked for."""
        submission = await submit(self.store, self.wakeups, self.graphs, kind, request, _of(delivery))
        if submission.outcome == "duplicate":
            return Receipt(outcome="duplicate", run=submission.run_id)
        return Receipt(outcome="accepted", run=submission.run_id)

    async def signal(self, delivery: Delivery, topic: str, name: str) -> Receipt:
        """Wake the runs that listen to a topic."""
        told = await self.store.signal_topic(topic, name, _of(delivery))
        for run_id, role in told.wake:
            await self.wakeups.wake(run_id, role)
        return _receipt(told)

    async def stop(self, delivery: Delivery, subject: str, why: str, *, order: int) -> Receipt:
        """Cancel what is under way for a subject, unless it was asked for later."""
        return _receipt(await self.store.stop_subject(subject, why, _of(delivery), order=order))

    async def ignore(self, delivery: Delivery, reason: str) -> Receipt:
        """Remember why nothing was done."""
        return _receipt(await self.store.ignore(_of(delivery), reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEngine:
    """What a command asks of the workers. Implements `Engine` of the stage `obey`; its records are the store's."""

    store: Store
    graphs: Graphs
    wakeups: WakeUps

    async def ask_for_review(self, request: RunRequest, delivery: engine.Delivery) -> str:
        """Ask for a review and wake its workers; answer what became of it."""
        return (await submit(self.store, self.wakeups, self.graphs, "review", request, delivery)).outcome

    async def rerun(
        self,
        run_id: str,
        stages: Sequence[str] | Literal["all", "failed"],
        *,
        fresh: bool,
        why: str,
        delivery: engine.Delivery,
    ) -> str:
        """Do stages again and wake their workers; answer what became of it."""
        outcome, roles = await self.store.rerun(run_id, stages, fresh=fresh, why=why, delivery=delivery)
        for role in roles:
            await self.wakeups.wake(run_id, role)
        return outcome


async def submit(
    store: Store, wakeups: WakeUps, graphs: Graphs, kind: Kind, request: RunRequest, delivery: engine.Delivery
) -> Submission:
    """Store a request and wake whoever can begin with it."""
    submission = await store.submit(request, graphs[kind], delivery)
    for role in submission.ready_roles:
        await wakeups.wake(submission.run_id, role)
    return submission


def _of(delivery: Delivery) -> engine.Delivery:
    event = f"{delivery.event}.{delivery.action}" if delivery.action else delivery.event
    return engine.Delivery(id=delivery.id, event=event)


def _receipt(told: engine.Receipt) -> Receipt:
    return Receipt(outcome=told.outcome, run=told.run, reason=told.reason)
