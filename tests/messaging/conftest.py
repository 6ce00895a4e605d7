"""Two domains' databases with nothing but outbox and inbox, and a shop of small handlers between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from kernel.database import Database, open_database
from messaging.tables import metadata


async def open_messaging_database(folder: Path, name: str) -> Database:
    path = folder / f"{name}.db"
    engine = create_engine(f"sqlite:///{path}")
    metadata.create_all(engine)
    engine.dispose()
    return await open_database(f"sqlite:///{path}", name=name)


@pytest.fixture
async def sender(tmp_path: Path) -> AsyncIterator[Database]:
    """The database of the domain that publishes."""
    database = await open_messaging_database(tmp_path, "sender")
    yield database
    await database.close()


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Database]:
    """The database of a domain that consumes."""
    database = await open_messaging_database(tmp_path, "receiver")
    yield database
    await database.close()
