"""Nobody takes money: a shop where nothing can be bought yet, or for a while."""

from __future__ import annotations

from uuid import UUID

from domains.orders import Prepared, Refused, Unknown
from kernel.money import Money


class NoPayments:
    """Refuses to name a charge, and knows nothing of those that another provider has named."""

    async def prepare(self, order_id: UUID, amount: Money) -> Prepared | Refused:
        """Refused: no order comes to a charge."""
        return Refused("PAYMENTS_OFF", "nobody takes money here")

    async def charge(self, reference: str, amount: Money, method: str) -> Unknown:
        """Unknown, as all that follows: whoever named the charge may have taken its money."""
        return Unknown()

    async def lookup(self, reference: str) -> Unknown:
        """Unknown."""
        return Unknown()

    async def void(self, reference: str) -> Unknown:
        """Unknown."""
        return Unknown()

    async def refund(self, refund_id: UUID, reference: str, amount: Money, retry: int = 0) -> Unknown:
        """Unknown: it waits until a provider is there again."""
        return Unknown()
