"""A message in AMQP: the payload is the body, everything else travels as properties and headers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from kernel.trace import parse_traceparent
from messaging.message import Message

NAME_LENGTH = 64
OWNER_LENGTH = 32
CORRELATION_LENGTH = 64
_DERIVED = UUID("5b0c3f60-6f0e-5d43-9a52-3f1f5a2f9e7c")
"""The namespace of the ids of messages that came without one of their own."""

_CAUSES = {
    "delivery_limit": "each of its consumers died before it was done with it, or lost its connection",
    "rejected": "its consumer refused it: the domain does not consume it, or could not even keep it",
}


def to_amqp(message: Message) -> aio_pika.Message:
    """The message as it is published, persistent."""
    headers: dict[str, Any] = {
        "schema-version": message.schema_version,
        "aggregate-id": message.aggregate_id,
        "aggregate-version": message.aggregate_version,
    }
    if message.traceparent is not None:
        headers["traceparent"] = message.traceparent
    return aio_pika.Message(
        message.body,
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=str(message.id),
        type=message.name,
        timestamp=message.written_at,
        app_id=message.owner,
        correlation_id=message.correlation_id,
        headers=headers,
    )


def from_amqp(delivery: AbstractIncomingMessage, name: str) -> Message:
    """The delivery of an event of this name; whatever another producer left out is derived or defaulted."""
    identifier = _event_id(delivery, name)
    headers = delivery.headers
    return Message(
        id=identifier,
        name=name,
        body=delivery.body,
        owner=_text(delivery.app_id, OWNER_LENGTH),
        written_at=delivery.timestamp or datetime.now(UTC),
        correlation_id=_text(delivery.correlation_id, CORRELATION_LENGTH) or str(identifier),
        aggregate_id=str(headers.get("aggregate-id", "")),
        aggregate_version=_whole(headers.get("aggregate-version"), 0),
        schema_version=_whole(headers.get("schema-version"), 1),
        traceparent=parse_traceparent(_text(headers.get("traceparent"))),
    )


def cause_of_death(delivery: AbstractIncomingMessage) -> tuple[str, str]:
    """The event that a message of a dead-letter queue is, and why the broker gave it up."""
    deaths = delivery.headers.get("x-death")
    death = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}
    keys, reason = death.get("routing-keys"), _text(death.get("reason")) or "unknown"
    key = keys[0] if isinstance(keys, list) and keys else delivery.type or delivery.routing_key
    return _text(key, NAME_LENGTH), _CAUSES.get(reason, f"RabbitMQ says {reason}")


def _event_id(delivery: AbstractIncomingMessage, name: str) -> UUID:
    """The message's own id, or one that is the same whenever this message is delivered again."""
    if not delivery.message_id:
        return uuid5(_DERIVED, f"{name} {delivery.timestamp} {delivery.body.hex()}")
    try:
        return UUID(delivery.message_id)
    except ValueError:
        # Another program may number its messages from 1 on, each of its kinds or each for itself.
        return uuid5(_DERIVED, f"{delivery.app_id} {name} {delivery.message_id}")


def _text(value: object, length: int | None = None) -> str:
    """A text that fits into its column; another producer may send anything."""
    return value.replace("\0", "")[:length] if isinstance(value, str) else ""


def _whole(value: object, default: int) -> int:
    return value if isinstance(value, int) else default
