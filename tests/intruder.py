"""Somebody who writes into the databases of a running server from outside."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

from kernel.ids import new_id
from messaging.event import Event


def publish(data: Path, event: type[Event], body: bytes) -> UUID:
    """Writes an event of any payload into the outbox of its owner; the event's id."""
    event_id = UUID(str(new_id()))
    with closing(sqlite3.connect(data / f"{event.owner}.db", timeout=10)) as database:
        database.execute(
            "INSERT INTO outbox (id, name, body, owner, aggregate_id, aggregate_version, schema_version,"
            " correlation_id, written_at, next_at, attempts) VALUES (?, ?, ?, ?, 'x', 0, 1, 'from-outside', 0, 0, 0)",
            (event_id.hex, event.__name__, body, event.owner),
        )
        database.commit()
    return event_id
