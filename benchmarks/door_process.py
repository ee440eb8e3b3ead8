"""Door process: `python -m benchmarks.door_process SIDE REDIS_URL` serves one side, and tells its port.

All sides stand behind the product's server. `bare` is what Litestar does when it only checks the HMAC of the body.
"""

import asyncio
import hashlib
import hmac
import sys
from typing import Any

from litestar import Litestar, Request, Response, post
from redis.asyncio import Redis

from benchmarks.door import SECRET
from bot.app.graphs import make_graphs
from bot.app.inbox import StoreInbox
from bot.app.web import serve
from bot.redis_client import make_client
from pipeline.engine.owner import Owner
from pipeline.engine.request import RunRequest
from pipeline.engine.store import Store
from pipeline.engine.wakeup_arq import ArqWakeUps
from pipeline.review.pull.command import parse_command
from webhooks.app import Readiness, make_app
from webhooks.inbox import Delivery, Inbox, Kind, Receipt
from webhooks.own import Own


class Nowhere:
    """Stores nothing: what the door costs without Redis. Implements `Inbox`."""

    async def submit(self, delivery: Delivery, kind: Kind, request: RunRequest) -> Receipt:  # noqa: ARG002 - the port
        """Say that it was stored."""
        return Receipt(outcome="accepted", run=request.run_id)

    async def signal(self, delivery: Delivery, topic: str, name: str) -> Receipt:  # noqa: ARG002 - same
        """Say that it was stored."""
        return Receipt(outcome="accepted")

    async def stop(self, delivery: Delivery, subject: str, why: str, *, order: int) -> Receipt:  # noqa: ARG002 - same
        """Say that it was stored."""
        return Receipt(outcome="accepted")

    async def ignore(self, delivery: Delivery, reason: str) -> Receipt:  # noqa: ARG002 - same
        """Say that it was stored."""
        return Receipt(outcome="ignored", reason=reason)


def make_bare() -> Litestar:
    """Make the handler that the door is compared with."""
    secret = SECRET.get_secret_value().encode()

    @post("/webhooks/github", status_code=202)
    async def check(request: Request[Any, Any, Any]) -> Response[dict[str, bool]]:
        expected = "sha256=" + hmac.new(secret, await request.body(), hashlib.sha256).hexdigest()
        fits = hmac.compare_digest(expected, request.headers.get("x-hub-signature-256", ""))
        return Response({"ok": fits}, status_code=202 if fits else 401)

    return Litestar([check], openapi_config=None, logging_config=None)


def make_door(inbox: Inbox) -> Litestar:
    """Make the product's application."""
    return make_app(
        inbox=inbox,
        secret=SECRET,
        own=Own(host="api.github.com", app_id=5, bot_user_id=99),
        parse_command=parse_command,
        readiness=_ready,
        metrics=_none,
    )


def make_inbox(redis: Redis) -> StoreInbox:
    """Make the product's inbox; each new run also wakes a worker by arq."""
    wakeups = ArqWakeUps(pool=redis.connection_pool, roles=(), jobs_max=1)
    return StoreInbox(store=Store(redis, owner=Owner.of_this_process()), graphs=make_graphs(), wakeups=wakeups)


async def serve_side(side: str, url: str) -> None:
    """Serve until standard input ends."""
    async with make_client(url) as redis:
        app = make_bare() if side == "bare" else make_door(Nowhere() if side == "nowhere" else make_inbox(redis))
        async with serve(app, host="127.0.0.1", port=0, on_ready=lambda port: print(port, flush=True)):
            await asyncio.to_thread(sys.stdin.read)


async def _ready() -> Readiness:
    return Readiness(is_ready=True)


async def _none() -> str:
    return ""


if __name__ == "__main__":
    asyncio.run(serve_side(sys.argv[1], sys.argv[2]))
