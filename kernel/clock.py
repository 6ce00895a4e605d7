"""Time: aware UTC datetimes, and the clock that whoever needs the time is handed."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present moment in UTC. What expires is decided by the database's clock instead (`kernel.columns.now`)."""


def utc_now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)
