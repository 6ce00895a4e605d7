"""The sweep: gives back what orders hold past its time. A backstop: whoever ends an order releases its hold."""

from __future__ import annotations

from domains.inventory import holds, movements
from domains.inventory.model import Cause, StockChange
from kernel.database import Database, Transaction

BATCH = 50
"""How many holds end in one transaction."""


async def expire_holds(database: Database) -> int:
    """End a batch of holds whose time is over by the database's clock; how many. Any number may do so at once.

    Locks as everybody does: orders (only those that nobody locks), listings by id, books by ISBN.
    """
    if not await holds.any_due(database.read()):
        return 0
    return await database.transact(_expire)


async def _expire(tx: Transaction) -> int:
    orders = await holds.claim_due(tx, BATCH)
    held = await holds.held_by(tx, orders)
    await movements.move(
        tx, [StockChange(listing_id, held=-copies) for listing_id, copies in held.items()], Cause.EXPIRED
    )
    await holds.set_expired(tx, orders)
    return len(orders)
