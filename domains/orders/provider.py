"""The payment provider as orders asks it: within a time limit, and whatever goes wrong is an unknown outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

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
from domains.orders.ports import PaymentProvider
from kernel.database import outside_transaction
from kernel.logging import log
from kernel.money import Money

A = TypeVar("A")

_log = log(__name__)


class BoundedProvider:
    """Asks a provider for at most so many seconds; a provider that raises or hangs may still have done its work."""

    def __init__(self, provider: PaymentProvider, *, seconds: float) -> None:
        self._provider = provider
        self._seconds = seconds

    async def prepare(self, order_id: UUID, amount: Money) -> Prepared | Refused | Unknown:
        """Name the order's charge."""
        return await self._asked("prepare", lambda: self._provider.prepare(order_id, amount), order_id=str(order_id))

    async def charge(self, reference: str, amount: Money, method: str) -> Captured | Refused | ActionRequired | Unknown:
        """Take the amount of the prepared charge."""
        return await self._asked(
            "charge", lambda: self._provider.charge(reference, amount, method), reference=reference
        )

    async def lookup(self, reference: str) -> Captured | Refused | ActionRequired | NotCharged | Unknown:
        """What became of the charge."""
        return await self._asked("lookup", lambda: self._provider.lookup(reference), reference=reference)

    async def void(self, reference: str) -> Captured | NotCharged | Unknown:
        """See to it that the charge takes no money any more."""
        return await self._asked("void", lambda: self._provider.void(reference), reference=reference)

    async def refund(
        self, refund_id: UUID, reference: str, amount: Money, retry: int = 0
    ) -> Refunded | RefundRefused | Unknown:
        """Give so much of the charge back."""
        return await self._asked(
            "refund", lambda: self._provider.refund(refund_id, reference, amount, retry), refund_id=str(refund_id)
        )

    async def _asked(self, call: str, ask: Callable[[], Awaitable[A]], **fields: str) -> A | Unknown:
        outside_transaction("asking the payment provider")  # a bug of ours is no unknown outcome
        try:
            async with asyncio.timeout(self._seconds):
                return await ask()
        except TimeoutError:
            _log.warning("the payment provider did not answer in time", call=call, seconds=self._seconds, **fields)
        except Exception as error:
            _log.error("the payment provider's client broke", call=call, exc_info=error, **fields)
        return Unknown()
