"""Answers of checkouts: what a buyer is told of an order, now or when asking again."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from domains.orders import attempt_repository, repository, views
from domains.orders.attempt_repository import EarlierRow
from domains.orders.carts import Carts
from domains.orders.commands import (
    Checkout,
    CheckoutCompleted,
    CheckoutInProgress,
    CheckoutOutcome,
    CheckoutPending,
    CheckoutRejected,
)
from domains.orders.errors import from_json
from domains.orders.model import UNPAID_ENDS, OrderStatus
from domains.orders.payment import ActionRequired
from kernel.database import Database
from kernel.errors import IdempotencyKeyReused


class Answers:
    """Reads what became of checkouts."""

    def __init__(self, database: Database, carts: Carts) -> None:
        self._database = database
        self._carts = carts

    async def earlier(self, command: Checkout, rows: Sequence[EarlierRow]) -> CheckoutOutcome | None:
        """What an earlier checkout of the buyer answers this one: the same, or another that has no outcome yet."""
        for row in rows:
            if row.fingerprint is not None:
                same = row.fingerprint == command.fingerprint
                return await self.of_order(row.order_id, replayed=True) if same else IdempotencyKeyReused()
        for row in rows:
            if row.release_reason is None:
                return CheckoutInProgress(order=await views.order_with(self._database.read(), row.order_id))
        return None

    async def of_attempt(self, buyer_id: str, key: str) -> CheckoutOutcome | None:
        """What became of a checkout whose answer was lost; None where it bound no key."""
        row = await self._database.read().one(attempt_repository.FIND_ATTEMPT, buyer_id=buyer_id, key=key)
        return await self.of_order(row.id, replayed=True) if row else None

    async def of_order(self, order_id: UUID, *, replayed: bool) -> CheckoutOutcome:
        """What a checkout answers whose order is in this state."""
        reader = self._database.read()
        order = await views.order_with(reader, order_id)
        if order.status is OrderStatus.PENDING:
            waiting = await reader.one(repository.FIND_ACTION, id=order_id)
            action = waiting.next_action if waiting else None
            return CheckoutPending(order, ActionRequired(**action) if action else None)
        if order.status not in UNPAID_ENDS:
            return CheckoutCompleted(order, replayed)
        stored = await reader.one(attempt_repository.FIND_PROBLEMS, order_id=order_id)
        problems = from_json(stored.problems or ()) if stored else ()
        return CheckoutRejected(problems=problems, cart=await self._carts.read(order.buyer_id), order=order)
