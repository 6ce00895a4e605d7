"""What orders needs from outside: somebody who keeps the stock, knows the titles, takes the money."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from domains.orders.model import HoldLine, Offer, Shortage
from domains.orders.payment import Captured, NotCharged, Refused, Unknown
from kernel.money import Money


class StockHolds(Protocol):
    """Whoever keeps the stock. IllegalTransition where an order's stock is past what is asked for."""

    async def find_items(self, listing_ids: Sequence[UUID]) -> Mapping[UUID, Offer]:
        """The offers as they stand now; an unknown one is absent."""
        ...

    async def hold(self, order_id: UUID, lines: Sequence[HoldLine]) -> Sequence[Shortage]:
        """Hold all lines for the order, or none and say which are short; the same again for the same order."""
        ...

    async def renew(self, order_id: UUID, seconds: int) -> None:
        """Keep what is held for the order for so long from now on."""
        ...

    async def release(self, order_id: UUID, reason: str) -> None:
        """Give back what is held for the order; nothing is held for it from then on."""
        ...


class BookTitles(Protocol):
    """Whoever knows books."""

    async def titles(self, isbns: Sequence[str]) -> Mapping[str, str]:
        """The titles of the known ones among these books."""
        ...


class PaymentProvider(Protocol):
    """Whoever takes the money; never more than once for an order. Bounds its own time and answers Unknown after it."""

    async def charge(self, order_id: UUID, amount: Money, method: str) -> Captured | Refused | Unknown:
        """Take the amount; the order's id is the idempotency key."""
        ...

    async def lookup(self, order_id: UUID) -> Captured | Refused | NotCharged | Unknown:
        """What became of the order's charge."""
        ...

    async def void(self, order_id: UUID) -> Captured | NotCharged | Unknown:
        """See to it that the order is not charged any more: NotCharged, unless the money is taken already."""
        ...
