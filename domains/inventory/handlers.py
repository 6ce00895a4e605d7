"""Inventory's reactions to events of sellers and orders; each gives the same stock for any order and number of them."""

from __future__ import annotations

from uuid import UUID

from domains.inventory import holds, movements, repository
from domains.inventory.model import (
    Cause,
    Quantities,
    Shortage,
    Step,
    StockChange,
    StockItem,
    StockLine,
    StockState,
    Trigger,
    check_return,
    deduction_shortages,
    merge_listing,
    next_step,
    total_quantities,
)
from kernel.database import Transaction
from kernel.money import Money
from messaging import outbox
from messaging.consumer import NotYet
from messaging.events import (
    DeductedLine,
    ListingChanged,
    ListingPublished,
    ListingWithdrawn,
    OrderCancelled,
    OrderPaid,
    OrderRefunded,
    ReleasedLine,
    StockDeducted,
    StockDeductionFailed,
    StockReleased,
    StockShortage,
)

Listed = ListingPublished | ListingChanged | ListingWithdrawn

_CAUSES = {ListingPublished: Cause.PUBLISHED, ListingChanged: Cause.CHANGED, ListingWithdrawn: Cause.WITHDRAWN}


async def accept_listing(tx: Transaction, event: Listed) -> None:
    """Copy a listing, its newest version, and count the copies it was published with once; withdrawn is for good."""
    heard = _heard(event)
    if await repository.insert_item(tx, heard):
        item, added = heard, heard.on_hand
        await repository.insert_book(tx, item.isbn, item.price.currency)
    else:
        known = (await repository.lock_items(tx, [event.listing_id]))[event.listing_id]
        merged = merge_listing(known, heard)
        if merged == known:
            return
        item, added = await repository.write_item(tx, merged), merged.on_hand - known.on_hand
    change = StockChange(item.listing_id, on_hand=added)
    await repository.add_movements(tx, [change], Cause.PUBLISHED, reference=item.listing_id)
    await movements.announce(tx, [item], _CAUSES[type(event)])


async def deduct_stock(tx: Transaction, event: OrderPaid) -> None:
    """Turn the order's hold into a deduction, take what is not held from the rest, or say that it cannot be done.

    Raises NotYet for a listing that was not published to this domain.
    """
    state = await holds.lock_order(tx, event.order_id)
    if next_step(state, Trigger.ORDER_PAID) is not Step.DEDUCT:
        return
    lines = await holds.lines_of(tx, event.order_id) if state is StockState.HELD else []
    held = {line.listing_id: line.quantity for line in lines}
    wanted = total_quantities((item.listing_id, item.quantity) for item in event.order_items)
    items = await repository.lock_items(tx, wanted.keys() | held.keys())
    for listing_id in wanted:
        if listing_id not in items or not items[listing_id].published:
            raise NotYet(f"listing {listing_id} has not been published here")
    if shortages := deduction_shortages(wanted, held, items):
        await _fail(tx, event.order_id, lines, shortages)
    else:
        await _deduct(tx, event.order_id, wanted, held)


async def return_stock(tx: Transaction, event: OrderCancelled) -> None:
    """Give back what the order holds or has taken and not lost, and say so once, even if it never had anything.

    Raises NotYet before the order's copies were taken, if some are lost: those leave the shelf first.
    """
    state = await holds.lock_order(tx, event.order_id)
    step = next_step(state, Trigger.ORDER_CANCELLED)
    if step is Step.NOTHING:
        return
    lost = total_quantities((line.listing_id, line.quantity) for line in event.lost)
    if lost and next_step(state, Trigger.ORDER_PAID) is Step.DEDUCT:
        raise NotYet(f"the copies of order {event.order_id} have not left the shelf yet")
    after = StockState.RESTOCKED if step is Step.RESTOCK else StockState.CANCELLED
    returned: Quantities = {}
    if state in (StockState.HELD, StockState.DEDUCTED):
        lines = await holds.lines_of(tx, event.order_id)
        kept = {line.listing_id: line.kept - lost.get(line.listing_id, 0) for line in lines}
        returned = {listing_id: copies for listing_id, copies in kept.items() if copies > 0}
        if step is Step.RESTOCK:
            await _restock(tx, event.order_id, returned, Cause.CANCELLED, event.order_id)
        else:
            await movements.give_back(tx, lines, Cause.CANCELLED)
    await holds.set_state(tx, event.order_id, after, event.reason)
    released = tuple(ReleasedLine(listing_id=listing_id, quantity=copies) for listing_id, copies in returned.items())
    await outbox.add(tx, StockReleased(order_id=event.order_id, lines=released, reason=event.reason))


async def restock_refunded(tx: Transaction, event: OrderRefunded) -> None:
    """Put the copies that were refunded with `restock` back on the shelf, once for each refund.

    Raises NotYet before the order's copies were taken, ReturnExceedsOrder if it keeps fewer.
    """
    returned = total_quantities((line.listing_id, line.quantity) for line in event.lines if line.restock)
    if not returned:
        return
    step = next_step(await holds.lock_order(tx, event.order_id), Trigger.ORDER_REFUNDED)
    if step is Step.WAIT:
        raise NotYet(f"the copies of order {event.order_id} have not left the shelf yet")
    if step is Step.NOTHING or await repository.was_moved(tx, Cause.REFUNDED, event.refund_id):
        return
    check_return(await holds.lines_of(tx, event.order_id), returned)
    await _restock(tx, event.order_id, returned, Cause.REFUNDED, event.refund_id)


async def _deduct(tx: Transaction, order_id: UUID, wanted: Quantities, held: Quantities) -> None:
    if wanted != held:
        await holds.set_lines(tx, order_id, wanted.items())
    await holds.set_state(tx, order_id, StockState.DEDUCTED)
    changes = [
        StockChange(listing_id, on_hand=-wanted.get(listing_id, 0), held=-held.get(listing_id, 0))
        for listing_id in wanted.keys() | held.keys()
    ]
    items = await movements.move(tx, changes, Cause.DEDUCTED, order_id)
    deducted = tuple(
        DeductedLine(listing_id=item.listing_id, quantity=wanted[item.listing_id], remaining_on_hand=item.on_hand)
        for item in items
        if item.listing_id in wanted
    )
    await outbox.add(tx, StockDeducted(order_id=order_id, lines=deducted))


async def _fail(tx: Transaction, order_id: UUID, lines: list[StockLine], shortages: tuple[Shortage, ...]) -> None:
    await movements.give_back(tx, lines, Cause.RELEASED)
    await holds.set_state(tx, order_id, StockState.FAILED)
    told = tuple(
        StockShortage(listing_id=short.listing_id, wanted=short.wanted, available=short.available)
        for short in shortages
    )
    await outbox.add(tx, StockDeductionFailed(order_id=order_id, shortages=told))


async def _restock(tx: Transaction, order_id: UUID, returned: Quantities, cause: Cause, reference: UUID) -> None:
    await holds.return_lines(tx, order_id, returned.items())
    await movements.move(tx, [StockChange(*line) for line in returned.items()], cause, reference)


def _heard(event: Listed) -> StockItem:
    """The listing as if nothing else were known of it."""
    published = isinstance(event, ListingPublished)
    return StockItem(
        listing_id=event.listing_id,
        isbn=event.book_isbn,
        seller_id=event.seller_id,
        owner_id=event.owner_id,
        grade=event.grade,
        price=Money(event.price, event.currency),
        location=event.location,
        on_hand=event.quantity if published else 0,
        held=0,
        withdrawn=event.withdrawn or isinstance(event, ListingWithdrawn),
        version=1,
        listing_version=event.version,
        published=published,
    )
