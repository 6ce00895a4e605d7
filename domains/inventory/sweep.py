"""The sweep: gives back what orders hold past its time. A backstop: whoever ends an order releases its hold."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from domains.inventory import holds, movements
from domains.inventory.model import Cause, StockChange
from kernel.database import ConstraintViolated, Database, Transaction
from kernel.logging import log

BATCH = 50
"""How many holds end in one transaction."""

PAUSE_SECONDS = 300
"""After which a hold that could not end is looked at again."""

_log = log(__name__)


async def expire_holds(database: Database) -> int:
    """End a batch of holds whose time is over by the database's clock; how many. Any number may do so at once.

    Locks as everybody does: orders (only those that nobody locks), listings by id, books by ISBN. A hold that cannot
    end stops no other, and is put off, so that others come first.
    """
    due = await holds.find_due(database.read(), BATCH)
    if not due:
        return 0
    try:
        return await database.transact(_expire_batch)
    except ConstraintViolated:
        return sum([await _expire_alone(database, order_id) for order_id in due])


async def _expire_batch(tx: Transaction) -> int:
    return await _expire(tx, await holds.claim_due(tx, BATCH))


async def _expire_alone(database: Database, order_id: UUID) -> int:
    async def expire(tx: Transaction) -> int:
        return await _expire(tx, await holds.claim_one_due(tx, order_id))

    try:
        return await database.transact(expire)
    except ConstraintViolated as error:
        _log.error("a hold past its time cannot end", order_id=str(order_id), reason=str(error))
        await holds.put_off(database, order_id, PAUSE_SECONDS)
        return 0


async def _expire(tx: Transaction, orders: Sequence[UUID]) -> int:
    held = await holds.held_by(tx, orders)
    changes = [StockChange(listing_id, held=-copies) for listing_id, copies in held.items()]
    await movements.move(tx, changes, Cause.EXPIRED)
    await holds.set_expired(tx, orders)
    return len(orders)
