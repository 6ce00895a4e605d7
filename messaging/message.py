"""A message: one event as it travels, its payload already written for the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Message:
    """`body` is the payload alone; everything else travels as message properties and headers.

    `id` is the event's id and stays the same however often the message is sent: consumers recognise it by that.
    """

    id: UUID
    name: str
    body: bytes
    owner: str
    written_at: datetime
    correlation_id: str
    aggregate_id: str = ""
    aggregate_version: int = 0
    schema_version: int = 1
    traceparent: str | None = None
