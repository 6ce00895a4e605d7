"""The AsyncAPI document of all events, generated from their classes; its snapshot is `messaging/asyncapi.json`."""

from __future__ import annotations

import json

from faststream.rabbit import RabbitBroker
from faststream.specification import AsyncAPI

from messaging import events  # noqa: F401  (fills the catalogue)
from messaging.event import every_event
from messaging.rabbit_topology import EXCHANGE


def asyncapi_document(version: str) -> str:
    """The document as JSON text, the same bytes for the same events."""
    broker = RabbitBroker()
    for event in every_event():
        broker.publisher(
            routing_key=event.__name__, exchange=EXCHANGE, persist=True,
            title=event.__name__, description=_described(event), schema=event,
        )  # fmt: skip
    specification = AsyncAPI(broker, title="Bookstall", version=version, description="Every event of the marketplace.")
    return json.dumps(specification.to_specification().to_jsonable(), indent=2, sort_keys=True) + "\n"


def _described(event: type) -> str:
    return f"{(event.__doc__ or '').strip()} Published by {event.owner}."  # type: ignore[attr-defined]
