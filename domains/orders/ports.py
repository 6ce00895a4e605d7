"""What orders needs from outside: somebody who keeps the stock, knows the titles, takes the money."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from domains.orders.model import HoldLine, Offer, Shortage
from domains.orders.payment import (
    ActionRequired,
    Captured,
    NotCharged,
    Prepared,
    Refunded,
    RefundRefused,
    Refused,
    Unknown,
)
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
    """Whoever takes the money; never more than once for an order. Bounds its own time and answers Unknown after it.

    A charge has a name before it has money: the name is written down first, so that whatever dies in between, what
    became of the charge can be asked for and prevented by it.
    """

    async def prepare(self, order_id: UUID, amount: Money) -> Prepared | Refused | Unknown:
        """Name the order's charge, without taking money; the same name for the same order."""
        ...

    async def charge(self, reference: str, amount: Money, method: str) -> Captured | Refused | ActionRequired | Unknown:
        """Take the amount of the prepared charge, once however often it is asked."""
        ...

    async def lookup(self, reference: str) -> Captured | Refused | ActionRequired | NotCharged | Unknown:
        """What became of the charge."""
        ...

    async def void(self, reference: str) -> Captured | NotCharged | Unknown:
        """See to it that the charge takes no money any more: NotCharged, unless it is taken already."""
        ...

    async def refund(
        self, refund_id: UUID, reference: str, amount: Money, retry: int = 0
    ) -> Refunded | RefundRefused | Unknown:
        """Give so much of the charge back, once for each refund's id however often it is asked.

        What was refused stays so until `retry` rises: so often has an operator asked for it again.
        """
        ...
