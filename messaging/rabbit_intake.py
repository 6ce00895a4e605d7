"""Takes a domain's deliveries off its queues and acknowledges each when it is safe in the domain's database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from functools import partial

from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from faststream.middlewares import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage, RabbitQueue

from kernel.database import Conflict, Unavailable
from kernel.fail_points import reached
from kernel.logging import log
from messaging.message import Message
from messaging.rabbit_topology import dead_queue_of, queue_of
from messaging.rabbit_wire import cause_of_death, from_amqp
from messaging.transport import Bury, Receive

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 10.0
SETTLE_SECONDS = 5.0
BURIED_AT_ONCE = 5

Handle = Callable[[AbstractIncomingMessage], Coroutine[None, None, None]]
"""Does everything about one delivery."""

_log = log(__name__)


async def undecoded(message: RabbitMessage) -> RabbitMessage:
    """FastStream's decoder that leaves the body as it came: what cannot be read has to reach the consumer too."""
    return message


class Intake:
    """The deliveries of one domain, up to `prefetch` at once.

    While the database is away a delivery is not given back, which would count towards the queue's delivery limit: it
    is kept and tried again, and as nothing is acknowledged the broker sends no more.
    """

    def __init__(
        self, domain: str, events: Collection[str], receive: Receive, bury: Bury | None, *, prefetch: int
    ) -> None:
        self.domain = domain
        self._events = frozenset(events)
        self._receive = receive
        self._bury = bury
        self._prefetch = prefetch
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    @property
    def queues(self) -> Collection[str]:
        """What it takes from."""
        return [queue_of(self.domain), *([dead_queue_of(self.domain)] if self._bury else [])]

    def subscribe(self, broker: RabbitBroker) -> None:
        """From the broker's start on, deliveries are taken."""
        self._take_from(broker, queue_of(self.domain), self._prefetch, self._handle)
        if self._bury is not None:
            self._take_from(broker, dead_queue_of(self.domain), BURIED_AT_ONCE, partial(self._handle_dead, self._bury))

    def _take_from(self, broker: RabbitBroker, queue: str, prefetch: int, handle: Handle) -> None:
        subscriber = broker.subscriber(
            RabbitQueue(queue, declare=False),
            channel=Channel(prefetch_count=prefetch),
            ack_policy=AckPolicy.MANUAL,
            decoder=undecoded,
            no_reply=True,
        )

        async def take(message: RabbitMessage) -> None:
            self._begin(handle(message.raw_message))

        subscriber(take)
        # FastStream drops what arrives before its start has returned, and it would stay unacknowledged for ever.
        subscriber.running = True

    async def finish(self, seconds: float) -> None:
        """Waits for the deliveries that run; those that wait for the database are left to the broker."""
        self._stopping.set()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _begin(self, handling: Coroutine[None, None, None]) -> None:
        # A task of its own: the client library cancels its tasks when a channel closes, in the middle of a transaction.
        task = asyncio.create_task(handling)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _handle(self, delivery: AbstractIncomingMessage) -> None:
        try:
            settled = await self._settled(delivery)
        except Exception:
            _log.exception(
                "a delivery could not be taken and goes to the dead-letter queue",
                domain=self.domain, routing_key=delivery.routing_key, message_id=delivery.message_id,
            )  # fmt: skip
            settled = delivery.reject
        await self._settle(delivery, settled)

    async def _handle_dead(self, bury: Bury, delivery: AbstractIncomingMessage) -> None:
        """Moves what the broker gave up to where all dead letters are; if that cannot be, it stays on its queue."""
        name, reason = cause_of_death(delivery)
        try:
            message = from_amqp(delivery, name)
            kept = await self._received(lambda message: bury(message, reason), message, delivery)
        except Exception:
            _log.exception("a dead letter of the broker cannot be kept", domain=self.domain, routing_key=name)
        else:
            await self._settle(delivery, delivery.ack if kept else _nothing)

    async def _settle(self, delivery: AbstractIncomingMessage, settled: Callable[[], Awaitable[None]]) -> None:
        try:
            # The client library may wait for ever to write to a connection that was lost.
            async with asyncio.timeout(SETTLE_SECONDS):
                await settled()
            reached("ack.after", self.domain, delivery.routing_key or "")
        except CONNECTION_EXCEPTIONS as error:
            # Delivered again, and recognised then: the inbox knows its id.
            _log.info("the broker could not be told of a delivery", domain=self.domain, reason=str(error))

    async def _settled(self, delivery: AbstractIncomingMessage) -> Callable[[], Awaitable[None]]:
        """What the broker is to be told of a delivery, once everything is done about it."""
        name = next((n for n in (delivery.routing_key, delivery.type) if n in self._events), None)
        if name is None:
            _log.error(
                "an event that the domain does not consume goes to its dead-letter queue",
                domain=self.domain, routing_key=delivery.routing_key,
            )  # fmt: skip
            return delivery.reject
        return delivery.ack if await self._received(self._receive, from_amqp(delivery, name), delivery) else _nothing

    async def _received(self, receive: Receive, message: Message, delivery: AbstractIncomingMessage) -> bool:
        """Whether the message is safe; False when that has to be left to a later delivery."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                await receive(message)
            except (Unavailable, Conflict) as error:
                if pause == FIRST_PAUSE_SECONDS:
                    _log.warning(
                        "a delivery waits for the database",
                        domain=self.domain, event_name=message.name, event_id=str(message.id), reason=str(error),
                    )  # fmt: skip
            else:
                return True
            if await self._given_up(pause) or delivery.channel.is_closed:
                return False
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _given_up(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True


async def _nothing() -> None:
    """A delivery of which the broker is told nothing goes back to its queue with the connection."""
