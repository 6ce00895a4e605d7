"""The exchanges and queues of the marketplace in RabbitMQ; every process declares them all before it sends or takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed
from faststream.rabbit import ExchangeType, QueueType, RabbitExchange

EXCHANGE = RabbitExchange("book_events", type=ExchangeType.TOPIC, durable=True)
"""Takes every event; the routing key is the event's name."""
DEAD_EXCHANGE = "book_events.dead"
DELIVERY_LIMIT = 20
"""Deliveries after the first one, until a message is held to kill whoever takes it."""

Routes = Mapping[str, Collection[str]]
"""The names of the events that each domain consumes."""


def queue_of(domain: str) -> str:
    """The name of the queue that a domain consumes."""
    return f"bookstall.{domain}"


def dead_queue_of(domain: str) -> str:
    """The name of the queue of what the domain's consumers could not even keep."""
    return f"{queue_of(domain)}.dead"


async def declare(channel: AbstractChannel, routes: Routes) -> None:
    """Makes sure that everything is there; changes nothing that is.

    A binding that is no longer wanted stays: another process may be of a newer version and want it. Raises
    ChannelPreconditionFailed when a queue is there with other arguments.
    """
    exchange = await channel.declare_exchange(EXCHANGE.name, EXCHANGE.type.value, durable=True)
    graves = await channel.declare_exchange(DEAD_EXCHANGE, ExchangeType.DIRECT.value, durable=True)
    for domain, events in routes.items():
        dead = await channel.declare_queue(dead_queue_of(domain), durable=True, arguments=_quorum())
        await dead.bind(graves, queue_of(domain))
        queue = await channel.declare_queue(queue_of(domain), durable=True, arguments=_consumed(domain))
        for event in sorted(events):
            await queue.bind(exchange, event)


async def differences(connection: AbstractConnection, routes: Routes) -> tuple[list[str], list[str]]:
    """The queues that are not there, and those that are there with other arguments; changes nothing."""
    missing, other = [], []
    queues = {queue_of(domain): _consumed(domain) for domain in routes}
    queues |= {dead_queue_of(domain): _quorum() for domain in routes}
    for name, arguments in queues.items():
        try:
            async with connection.channel() as channel:  # which a failure closes
                await channel.get_queue(name)
                await channel.declare_queue(name, durable=True, arguments=arguments)
        except ChannelNotFoundEntity:
            missing.append(name)
        except ChannelPreconditionFailed:
            other.append(name)
    return missing, other


def _consumed(domain: str) -> dict[str, Any]:
    return _quorum() | {
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD_EXCHANGE,
        "x-dead-letter-routing-key": queue_of(domain),
        # Dead letters are confirmed too, which RabbitMQ allows only together with this way of overflowing.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def _quorum() -> dict[str, Any]:
    return {"x-queue-type": QueueType.QUORUM.value}
