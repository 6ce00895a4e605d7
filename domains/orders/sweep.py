"""The sweep: finishes orders that whoever placed them did not finish, and gives back what is held for ended ones."""

from __future__ import annotations

import asyncio

from domains.orders import repository
from domains.orders.checkout import PAYMENT_HOLD_SECONDS
from domains.orders.outcome import Outcomes
from domains.orders.payment import ActionRequired, NotCharged, Outcome, Unknown
from domains.orders.ports import PaymentProvider, StockHolds
from domains.orders.repository import StaleRow
from kernel.database import Database
from kernel.logging import log

BATCH = 50

_log = log(__name__)


class StaleOrders:
    """Looks after orders whose `look_at` is past by the database's clock."""

    def __init__(
        self,
        database: Database,
        stock: StockHolds,
        payments: PaymentProvider,
        *,
        outcomes: Outcomes,
        again_seconds: int,
    ) -> None:
        """`again_seconds` is how long a claimed order is left to one sweep, and so how soon it is looked at again."""
        self._database = database
        self._stock = stock
        self._payments = payments
        self._outcomes = outcomes
        self._again_seconds = again_seconds

    async def finish(self) -> int:
        """Finish what is stale; how many orders were. One that cannot be finished stops no other."""
        stale = await self._database.transact(
            lambda tx: tx.all(repository.CLAIM_STALE, count=BATCH, seconds=self._again_seconds)
        )
        return sum(await asyncio.gather(*map(self._try_to_finish, stale)))

    async def _try_to_finish(self, row: StaleRow) -> bool:
        try:
            return await self._finish_one(row)
        except Exception as error:
            _log.warning("a stale order could not be finished", order_id=str(row.id), exc_info=error)
            return False

    async def _finish_one(self, row: StaleRow) -> bool:
        if row.release_reason is not None:
            await self._outcomes.release(row.id, row.release_reason)
            return True
        outcome = await self._outcome_of(row)
        if isinstance(outcome, Unknown | ActionRequired):
            await self._stock.renew(row.id, PAYMENT_HOLD_SECONDS)
        if not isinstance(outcome, Unknown):
            await self._outcomes.record(row.id, outcome)
        return not isinstance(outcome, Unknown | ActionRequired)

    async def _outcome_of(self, row: StaleRow) -> Outcome:
        if row.charge_reference is None:
            return NotCharged()
        outcome = await self._payments.lookup(row.charge_reference)
        # Final only when the provider has promised it: a slow gateway's charge may still be on its way, and a buyer
        # may still do what was required.
        over = isinstance(outcome, NotCharged) or (isinstance(outcome, ActionRequired) and row.action_over)
        return await self._payments.void(row.charge_reference) if over else outcome
