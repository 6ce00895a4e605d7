"""The refund sweep: claims refunds that are due, has the provider make them, and records what became of them."""

from __future__ import annotations

import asyncio
import random
from uuid import UUID

from domains.orders import refund_repository, refunds
from domains.orders.payment import RefundRefused, Unknown
from domains.orders.ports import PaymentProvider
from domains.orders.refund import pause_seconds
from domains.orders.refund_repository import DueRow
from kernel.database import Database
from kernel.ids import new_id
from kernel.logging import log
from kernel.money import Money

BATCH = 20
"""Refunds that are made at the same time."""

_log = log(__name__)


class DueRefunds:
    """Makes what was written down, once for each refund's id; after a crash the provider is asked again under it."""

    def __init__(self, database: Database, payments: PaymentProvider, *, lease_seconds: int) -> None:
        """`lease_seconds`, longer than the provider may take: when another sweep takes over what one has claimed."""
        self._database = database
        self._payments = payments
        self._lease_seconds = lease_seconds

    async def finish(self) -> int:
        """Make one batch; how many refunds were tried. One that cannot be recorded stops no other."""
        if await self._database.read().one(refund_repository.ANY_DUE) is None:
            return 0
        lease = new_id()
        due = await self._database.transact(
            lambda tx: refund_repository.claim(tx, lease, most=BATCH, seconds=self._lease_seconds)
        )
        outcomes = await asyncio.gather(*(self._make(row, lease) for row in due), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome
        return len(due)

    async def reclaim(self) -> None:
        """Makes due what a sweep had claimed that is known to be dead."""
        await self._database.write(refund_repository.RECLAIM)

    async def _make(self, row: DueRow, lease: UUID) -> None:
        outcome = await self._payments.refund(row.id, row.reference, Money(row.amount, row.currency), row.retries)
        if isinstance(outcome, Unknown):
            seconds = pause_seconds(row.attempts, random.random())  # noqa: S311 - jitter needs no secret
            await self._database.write(refund_repository.PUT_OFF, id=row.id, mine=lease, seconds=seconds)
            _log.info("a refund will be tried again", refund_id=str(row.id), attempts=row.attempts, seconds=seconds)
            return
        if isinstance(outcome, RefundRefused):
            _log.warning("a refund was refused", refund_id=str(row.id), code=outcome.code, said=outcome.message)
        await self._database.transact(lambda tx: refunds.record(tx, row.id, outcome))
