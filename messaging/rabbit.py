"""The transport of the full stack: RabbitMQ, through FastStream.

Two connections: a broker that is short of memory or disk stops reading from those who publish, and consumers have to
go on acknowledging or it never recovers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from uuid import uuid4

from aio_pika.abc import AbstractChannel, AbstractRobustConnection
from aio_pika.exceptions import ChannelNotFoundEntity, PublishError
from faststream.middlewares import AckPolicy
from faststream.rabbit import RabbitBroker, RabbitMessage, RabbitQueue

from kernel.database import outside_transaction
from messaging.message import Message
from messaging.rabbit_intake import Intake, undecoded
from messaging.rabbit_link import CHECK_SECONDS, Link, is_cancelled
from messaging.rabbit_topology import EXCHANGE, Routes, declare, queue_of
from messaging.rabbit_wire import from_amqp, to_amqp
from messaging.transport import Bury, PublishFailed, Receive, Watch
from messaging.watchers import Watchers

PREFETCH = 50
CONFIRM_SECONDS = 10.0
"""How long the broker may take to confirm: a blocked one never does."""
STOP_SECONDS = 15.0
SENDS, TAKES = "sends", "takes"
"""The names of the two connections."""


class RabbitTransport:
    """Sends and takes messages over a broker that may be away: then nothing is sent, and it is tried again for ever.

    `routes` names the events of every consuming domain, not only of those that this process consumes: their queues
    have to be there before the first event is sent, or it would be lost to a domain whose worker never ran.
    """

    def __init__(
        self,
        url: str,
        *,
        routes: Routes,
        name: str = "bookstall",
        prefetch: int = PREFETCH,
        confirm_seconds: float = CONFIRM_SECONDS,
        stop_seconds: float = STOP_SECONDS,
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        self._routes = routes
        self._routed = frozenset(event for events in routes.values() for event in events)
        self._prefetch = prefetch
        self._confirm_seconds = confirm_seconds
        self._stop_seconds = stop_seconds
        self._intakes: dict[str, Intake] = {}
        self._watchers = Watchers()
        self._watched_queue = ""
        self._resting = False
        self._outgoing = Link(
            url, f"{name} {SENDS}", open=self._open_outgoing, check=self._check_outgoing, check_seconds=check_seconds
        )
        self._incoming = Link(
            url, f"{name} {TAKES}", open=self._open_incoming, check=self._check_incoming, check_seconds=check_seconds
        )
        self._links = [self._outgoing]

    def consume(self, domain: str, events: Collection[str], receive: Receive, bury: Bury | None = None) -> None:
        """From `start` on, this process shares the domain's queues; ValueError if that is not in the routes."""
        if domain in self._intakes:
            raise ValueError(f"{domain} has a consumer in this process already")
        if unknown := set(events) - set(self._routes.get(domain, ())):
            raise ValueError(f"no route leads {', '.join(sorted(unknown))} to {domain}")
        self._intakes[domain] = Intake(domain, events, receive, bury, prefetch=self._prefetch)

    def watch(self, events: Collection[str], watch: Watch, missed: Callable[[], None]) -> None:
        """From `start` on, this process has a queue of its own with a copy of every message of these events."""
        self._watchers.add(events, watch, missed)

    @property
    def connected(self) -> bool:
        """Whether messages can be sent and taken now."""
        return self.away_since is None

    @property
    def can_send(self) -> bool:
        """Whether the connection that sends is there."""
        return self._outgoing.broker is not None

    @property
    def away_since(self) -> datetime | None:
        """Since when the broker is away, None while it is there."""
        return min((since for since in self.connections.values() if since is not None), default=None)

    @property
    def connections(self) -> Mapping[str, datetime | None]:
        """That which sends, and that which takes if anything is taken: since when each is away, None if it is not."""
        return {SENDS if link is self._outgoing else TAKES: link.away_since for link in self._links}

    async def waiting(self, domain: str) -> int | None:
        """What the broker says of the domain's queue; None while it is away, slow, or has no such queue."""

        async def ready(channel: AbstractChannel) -> int | None:
            return (await channel.get_queue(queue_of(domain))).declaration_result.message_count

        return await self._links[-1].ask(ready)

    async def start(self) -> None:
        """Connects and begins to deliver; where the broker is away, that happens as soon as it is back."""
        if self._intakes or self._watchers.events:
            self._links = [self._outgoing, self._incoming]
        for link in self._links:
            await link.start()

    async def publish(self, message: Message) -> None:
        """Returns when the broker has the message on disk for every domain that consumes it; raises PublishFailed."""
        outside_transaction("publishing an event")
        broker = self._outgoing.broker
        if broker is None:
            raise PublishFailed("RabbitMQ is away")
        try:
            async with asyncio.timeout(self._confirm_seconds):
                await broker.publish(
                    to_amqp(message),
                    exchange=EXCHANGE,
                    routing_key=message.name,
                    mandatory=message.name in self._routed,
                )
        except PublishError as error:
            raise PublishFailed(
                f"no queue takes {message.name}: its binding is gone until a worker looks after it"
            ) from error
        except TimeoutError as error:
            raise PublishFailed(f"RabbitMQ did not confirm {message.name} in time") from error
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            raise PublishFailed("the connection to RabbitMQ was closed") from error
        except Exception as error:
            raise PublishFailed(f"{message.name} was not confirmed: {error}") from error

    async def rest(self) -> None:
        """Takes no more deliveries, waits for those that run and leaves the others on the queues."""
        self._resting = True
        if (broker := self._incoming.broker) is not None:
            await asyncio.gather(*(subscriber.stop() for subscriber in broker.subscribers), return_exceptions=True)
        await asyncio.gather(*(intake.finish(self._stop_seconds) for intake in self._intakes.values()))
        await self._incoming.stop()

    async def stop(self) -> None:
        """Rests, then closes what sends."""
        await self.rest()
        await self._outgoing.stop()

    async def _open_outgoing(self, broker: RabbitBroker, connection: AbstractRobustConnection) -> None:
        async with connection.channel() as channel:
            await declare(channel, self._routes)
        await broker.start()

    async def _open_incoming(self, broker: RabbitBroker, connection: AbstractRobustConnection) -> None:
        async with connection.channel() as channel:
            await declare(channel, self._routes)
            if self._watchers.events:
                await self._declare_watched(channel)
        for intake in self._intakes.values():
            intake.subscribe(broker)
        if self._watchers.events:
            self._subscribe_watchers(broker)
        await broker.start()
        self._watchers.tell_missed()

    async def _declare_watched(self, channel: AbstractChannel) -> None:
        """A new queue for each connection: the broker may hold that of a lost one for a while."""
        self._watched_queue = f"bookstall.live.{uuid4()}"
        queue = await channel.declare_queue(self._watched_queue, exclusive=True, auto_delete=True)
        for event in sorted(self._watchers.events):
            await queue.bind(EXCHANGE.name, event)

    def _subscribe_watchers(self, broker: RabbitBroker) -> None:
        subscriber = broker.subscriber(
            RabbitQueue(self._watched_queue, declare=False),
            ack_policy=AckPolicy.ACK_FIRST,
            decoder=undecoded,
            no_reply=True,
        )
        subscriber(self._show)
        subscriber.running = True

    async def _show(self, message: RabbitMessage) -> None:
        self._watchers.show(from_amqp(message.raw_message, message.raw_message.routing_key or ""))

    async def _check_outgoing(self, channel: AbstractChannel) -> None:
        await channel.get_exchange(EXCHANGE.name)

    async def _check_incoming(self, channel: AbstractChannel) -> None:
        if self._resting:
            return
        # A binding that somebody deleted is not noticed where another domain still takes the event.
        await declare(channel, self._routes)
        queues = [queue for intake in self._intakes.values() for queue in intake.queues]
        if self._watched_queue:
            queues.append(self._watched_queue)
        for name in queues:
            queue = await channel.get_queue(name)
            if not queue.declaration_result.consumer_count:
                raise ChannelNotFoundEntity(f"nobody consumes {name}")
