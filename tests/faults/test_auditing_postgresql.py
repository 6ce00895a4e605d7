"""The audit of databases in PostgreSQL says the same as that of files: its copies have the same values."""

from __future__ import annotations

import secrets
from pathlib import Path

import asyncpg
import pytest

from app.audit import audit
from app.devstack import PostgreSQL
from app.settings import Settings
from tests.faults.sound_shop import EMMA, play

pytestmark = pytest.mark.postgresql

FAULTS = {
    "orders.answered": ("orders", "UPDATE attempts SET problems = NULL WHERE buyer_id = 'ann'"),
    "orders.settled": ("orders", "UPDATE orders SET settled = FALSE WHERE buyer_id = 'ann'"),
    "orders.hold-given-back": (
        "orders",
        "UPDATE orders SET release_reason = 'PAYMENT_FAILED', look_at = '2026-01-01' WHERE buyer_id = 'bob'",
    ),
    "refunds.told": (
        "notifications",
        "DELETE FROM notifications WHERE kind = 'ORDER_REFUNDED' AND recipient_id = 'dan'",
    ),
    "stock.held": ("inventory", "UPDATE stock_items SET held = 1 WHERE withdrawn"),
    "sellers.books": ("sellers", f"DELETE FROM known_books WHERE isbn = '{EMMA}'"),
    "catalog.offers": ("catalog", f"UPDATE book_offers SET offers = '[]' WHERE isbn = '{EMMA}'"),
    "events.handled": ("sellers", "UPDATE inbox SET state = 'pending' WHERE name = 'OrderRefunded'"),
    "events.taken": ("inventory", "DELETE FROM inbox WHERE name = 'OrderPaid'"),
}
"""What reads every kind of column: identifiers, times, truth values, JSON, text."""


@pytest.fixture
def settings(postgresql: PostgreSQL, tmp_path: Path) -> Settings:
    """A marketplace in databases that are not there yet."""
    postgresql.start()
    url = postgresql.url(f"{{domain}}_{secrets.token_hex(4)}")
    return Settings.load(data=tmp_path / "data", database_url=url)


async def test_what_is_wrong_in_postgresql_is_found_as_in_files(settings: Settings) -> None:
    await play(settings)
    expected: set[str] = set()
    for name, (domain, fault) in FAULTS.items():
        connection = await asyncpg.connect(settings.database_of(domain))
        changed = await connection.execute(fault)
        await connection.close()
        assert not changed.endswith(" 0"), changed
        expected.add(name)
        report = await audit(settings, grace_seconds=0)
        assert {found.rule.name for found in report.faults} == expected
