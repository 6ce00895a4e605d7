"""Pages of a long list in PostgreSQL, before it knows how long the list is."""

from __future__ import annotations

from dataclasses import replace

import asyncpg
import pytest

from domains.orders import OrderStatus, views
from domains.sellers import Listing
from kernel.books import Grade
from kernel.clock import utc_now
from kernel.database import Statement
from kernel.ids import new_id
from kernel.money import Money
from kernel.postgresql import session_limits
from tests.databases import Databases, opened
from tests.many_orders import place_orders

pytestmark = pytest.mark.postgresql

PAGE = {"buyer_id": "alice", "before": new_id(), "count": 21}


async def steps_of(connection: asyncpg.Connection, statement: Statement, **values: object) -> str:
    """How PostgreSQL finds the statement's rows."""
    sql, arguments = statement.plan("postgresql").render(values)
    return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {sql}", *arguments))


async def test_a_page_of_a_table_that_was_never_analysed_is_not_sorted(postgresql_databases: Databases) -> None:
    url = await postgresql_databases.new("orders")
    listing = Listing(
        id=new_id(), seller_id=new_id(), owner_id="bob", isbn="9780141439518", grade=Grade.GOOD,
        price=Money(1250, "EUR"), location="Utrecht", published_quantity=1, withdrawn=False, version=1,
        published_at=utc_now(),
    )  # fmt: skip
    async with opened(url, "orders") as database:
        await place_orders(database, "alice", 5000, [listing, replace(listing, id=new_id())])
    connection = await asyncpg.connect(url, server_settings=session_limits(10.0, 5.0))
    everything = await steps_of(connection, views.FIND_OF_BUYER, **PAGE)
    of_a_status = await steps_of(connection, views.FIND_OF_BUYER_IN, **PAGE, status=OrderStatus.CANCELLED)
    await connection.close()
    assert ("using ix_orders_buyer " in everything, "Sort" in everything) == (True, False), everything
    assert ("using ix_orders_buyer_status " in of_a_status, "Sort" in of_a_status) == (True, False), of_a_status
