"""What others may ask of inventory: to hold stock for an order, what there is, and to set a listing's count."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from domains.inventory import drift, holds, movements, repository, sweep
from domains.inventory.drift import StockCheck
from domains.inventory.errors import CopiesAreHeld, ListingNotFound
from domains.inventory.model import (
    HOLD_SECONDS,
    LARGEST_ON_HAND,
    AdjustStock,
    BookStock,
    Cause,
    HoldLine,
    Shortage,
    Step,
    StockChange,
    StockItem,
    StockState,
    Trigger,
    hold_shortages,
    next_step,
    total_quantities,
)
from kernel.database import Database, Transaction
from kernel.errors import InvalidField, StaleVersion


class InventoryService:
    """Keeps count of every listing's copies; what is in another currency than `currency` cannot be bought."""

    def __init__(self, database: Database, *, currency: str, hold_seconds: int = HOLD_SECONDS) -> None:
        self._database = database
        self._currency = currency
        self._hold_seconds = hold_seconds

    async def hold(self, order_id: UUID, lines: Sequence[HoldLine]) -> tuple[Shortage, ...]:
        """Holds all lines for the order, or none and tells everything that is in the way; () is held.

        An order that holds already gets the same answer. Lines of one listing are summed. Raises IllegalTransition for
        an order whose hold is over, ValueError without lines.
        """
        if not lines:
            raise ValueError("an order holds at least one copy")

        async def hold(tx: Transaction) -> None:
            if next_step(await holds.lock_order(tx, order_id), Trigger.HOLD) is Step.HOLD:
                await self._hold(tx, order_id, lines)

        try:
            await self._database.transact(hold)
        except _CannotHold as refusal:
            return refusal.shortages
        return ()

    async def release(self, order_id: UUID, reason: str) -> None:
        """Gives back what the order holds, and keeps it from holding later.

        Raises IllegalTransition for an order whose copies were taken, or could not be.
        """

        async def release(tx: Transaction) -> None:
            state = await holds.lock_order(tx, order_id)
            if next_step(state, Trigger.RELEASE) is not Step.RELEASE:
                return
            if state is StockState.HELD:
                await movements.give_back(tx, await holds.lines_of(tx, order_id), Cause.RELEASED)
            await holds.set_state(tx, order_id, StockState.RELEASED, reason)

        await self._database.transact(release)

    async def renew(self, order_id: UUID, seconds: int) -> None:
        """Lets a hold last at least so many seconds from now; nothing to do for an order that holds nothing."""
        await holds.renew_hold(self._database, order_id, seconds)

    async def expire_holds(self) -> int:
        """The sweep: give back what is held past its time by the database's clock; how many holds ended."""
        return await sweep.expire_holds(self._database)

    async def find_items(self, listing_ids: Sequence[UUID]) -> dict[UUID, StockItem]:
        """The listings that are known among these, withdrawn and sold out ones too."""
        return await repository.find_items(self._database.read(), listing_ids)

    async def find_stock(self, isbns: Sequence[str]) -> dict[str, BookStock]:
        """What can be bought of each book; a book that never had a listing is absent."""
        return await repository.find_stock(self._database.read(), isbns)

    async def check_stock(self, after: UUID | None, count: int) -> StockCheck:
        """Compare the counts of the next listings with movements and live holds: for operators."""
        return await drift.check_stock(self._database.read(), after, count)

    async def adjust_stock(
        self, command: AdjustStock
    ) -> StockItem | ListingNotFound | StaleVersion | CopiesAreHeld | InvalidField:
        """Sets how many copies are on hand (0 to 10,000, and no fewer than are held); the item as it is then."""
        if not 0 <= command.on_hand <= LARGEST_ON_HAND:
            return InvalidField(path=("input", "onHand"), reason=f"On hand are 0 to {LARGEST_ON_HAND} copies.")
        return await self._database.transact(lambda tx: _adjust(tx, command))

    async def _hold(self, tx: Transaction, order_id: UUID, lines: Sequence[HoldLine]) -> None:
        quantities = total_quantities((line.listing_id, line.quantity) for line in lines)
        items = await repository.lock_items(tx, quantities)
        if shortages := hold_shortages(lines, items, self._currency):
            raise _CannotHold(shortages)
        await holds.set_lines(tx, order_id, quantities.items())
        await holds.set_held(tx, order_id, self._hold_seconds)
        changes = [StockChange(listing_id, held=quantity) for listing_id, quantity in quantities.items()]
        await movements.move(tx, changes, Cause.HELD)


class _CannotHold(Exception):
    """Rolls the transaction back, so that an order that was refused leaves no row."""

    def __init__(self, shortages: tuple[Shortage, ...]) -> None:
        super().__init__(shortages)
        self.shortages = shortages


async def _adjust(tx: Transaction, command: AdjustStock) -> StockItem | ListingNotFound | StaleVersion | CopiesAreHeld:
    item = (await repository.lock_items(tx, [command.listing_id])).get(command.listing_id)
    if item is None or item.owner_id != command.owner_id or not item.published:
        return ListingNotFound()
    if item.version != command.version:
        return StaleVersion(path=("input", "version"), expected=command.version, current=item.version)
    if command.on_hand < item.held:
        return CopiesAreHeld(held=item.held)
    if command.on_hand == item.on_hand:
        return item
    change = StockChange(item.listing_id, on_hand=command.on_hand - item.on_hand)
    [adjusted] = await movements.move(tx, [change], Cause.ADJUSTED)
    return adjusted
