"""Pages of a long list in PostgreSQL, before it knows how long the list is."""

from __future__ import annotations

import asyncpg
import pytest

from domains.orders import OrderStatus, views
from kernel.database import Statement
from kernel.ids import new_id
from kernel.postgresql import session_limits
from tests.databases import Databases

pytestmark = pytest.mark.postgresql

WRITE_ORDERS = """
    INSERT INTO orders (id, number, buyer_id, status, payment_status, version, settled, total, currency, address,
        placed_at, paid_at)
    SELECT gen_random_uuid(), 'M-' || place, 'alice', 'PAID', 'CAPTURED', 1, true, 1250, 'EUR',
        jsonb_build_object('name', repeat('A Buyer', 20)), now(), now()
    FROM generate_series(1, 30000) AS place"""
PAGE = {"buyer_id": "alice", "before": new_id(), "count": 21}


async def steps_of(connection: asyncpg.Connection, statement: Statement, **values: object) -> str:
    """How PostgreSQL finds the statement's rows."""
    sql, arguments = statement.plan("postgresql").render(values)
    return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {sql}", *arguments))


async def test_a_page_of_a_table_that_was_never_analysed_is_not_sorted(postgresql_databases: Databases) -> None:
    url = await postgresql_databases.new("orders")
    connection = await asyncpg.connect(url, server_settings=session_limits(10.0, 5.0))
    await connection.execute("ALTER TABLE orders SET (autovacuum_enabled = false)")
    await connection.execute(WRITE_ORDERS)
    everything = await steps_of(connection, views.FIND_OF_BUYER, **PAGE)
    of_a_status = await steps_of(connection, views.FIND_OF_BUYER_IN, **PAGE, status=OrderStatus.CANCELLED)
    await connection.close()
    assert ("using ix_orders_buyer " in everything, "Sort" in everything) == (True, False), everything
    assert ("using ix_orders_buyer_status " in of_a_status, "Sort" in of_a_status) == (True, False), of_a_status
