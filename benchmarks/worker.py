"""Worker process of one side: `python -m benchmarks.worker ORDER`."""

import asyncio
import sys

from benchmarks.sides.orders import Order


async def _work(order: Order) -> None:
    # Each side loads only what it needs: their libraries' start-up and memory are not another's.
    if order.kind == "onceover":
        from benchmarks.sides.onceover import work  # noqa: PLC0415
    elif order.kind.startswith("arq"):
        from benchmarks.sides.plain_arq import work  # noqa: PLC0415
    else:
        from benchmarks.sides.library_engine import work  # noqa: PLC0415
    await work(order)


if __name__ == "__main__":
    asyncio.run(_work(Order.from_wire(sys.argv[1])))
