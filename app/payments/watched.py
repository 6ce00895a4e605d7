"""A payment provider whose every call lies between two fail points."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from domains.orders import (
    ActionRequired,
    Captured,
    NotCharged,
    PaymentProvider,
    Prepared,
    Refunded,
    RefundRefused,
    Refused,
    Unknown,
)
from kernel.fail_points import reached
from kernel.money import Money


class WatchedPayments:
    """Does what another provider does."""

    def __init__(self, provider: PaymentProvider) -> None:
        self._provider = provider

    async def prepare(self, order_id: UUID, amount: Money) -> Prepared | Refused | Unknown:
        with _between("prepare"):
            return await self._provider.prepare(order_id, amount)

    async def charge(self, reference: str, amount: Money, method: str) -> Captured | Refused | ActionRequired | Unknown:
        with _between("charge"):
            return await self._provider.charge(reference, amount, method)

    async def lookup(self, reference: str) -> Captured | Refused | ActionRequired | NotCharged | Unknown:
        with _between("lookup"):
            return await self._provider.lookup(reference)

    async def void(self, reference: str) -> Captured | NotCharged | Unknown:
        with _between("void"):
            return await self._provider.void(reference)

    async def refund(
        self, refund_id: UUID, reference: str, amount: Money, retry: int = 0
    ) -> Refunded | RefundRefused | Unknown:
        with _between("refund"):
            return await self._provider.refund(refund_id, reference, amount, retry)


@contextmanager
def _between(call: str) -> Iterator[None]:
    reached(f"{call}.before")
    yield
    reached(f"{call}.after")
