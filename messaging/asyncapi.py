"""The AsyncAPI document of all events, generated from their classes; its snapshot is `messaging/asyncapi.json`."""

from __future__ import annotations

import json

from faststream.rabbit import ExchangeType, RabbitBroker, RabbitExchange
from faststream.specification import AsyncAPI

from messaging import events  # noqa: F401  (fills the catalogue)
from messaging.event import every_event

EXCHANGE = "book_events"


def asyncapi_document(version: str) -> str:
    """The document as JSON text, the same bytes for the same events."""
    broker = RabbitBroker()
    exchange = RabbitExchange(EXCHANGE, type=ExchangeType.TOPIC, durable=True)
    for event in every_event():
        broker.publisher(
            routing_key=event.__name__, exchange=exchange, persist=True,
            title=event.__name__, description=_described(event), schema=event,
        )  # fmt: skip
    specification = AsyncAPI(broker, title="Bookstall", version=version, description="Every event of the marketplace.")
    return json.dumps(specification.to_specification().to_jsonable(), indent=2, sort_keys=True) + "\n"


def _described(event: type) -> str:
    return f"{(event.__doc__ or '').strip()} Published by {event.owner}."  # type: ignore[attr-defined]
