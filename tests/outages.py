"""What tests need who take servers away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import aio_pika

from app.devstack import RabbitMQ
from tests.conftest import wait_until


async def off_the_loop(call: Callable[[], None]) -> None:
    """Waits for something that blocks, while everything else goes on."""
    await asyncio.get_running_loop().run_in_executor(None, call)


async def queues_are_on_disk(broker: RabbitMQ) -> None:
    """Waits until the broker has written down which quorum queues there are.

    It does so about a second after it declared one, and never finds that one again if it is killed before.
    """
    (names,) = broker.folder.glob("mnesia/*/quorum/*/names.dets")
    async with await aio_pika.connect(broker.url) as connection, connection.channel() as channel:
        await channel.declare_queue("bookstall.newest", durable=True, arguments={"x-queue-type": "quorum"})
        declared = time.time_ns()

        async def written_down() -> bool:
            return names.stat().st_mtime_ns > declared

        await wait_until(written_down)
        await channel.queue_delete("bookstall.newest")
