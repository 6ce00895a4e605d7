"""What must hold of some sellers and orders once everything has come to rest: copies, money, statistics, receipts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from app.data_folder import DataFolder
from app.payments import Verdict, read_ledger
from domains.inventory.model import StockState
from domains.orders import Order, OrderStatus, PaymentStatus, Refund, RefundStatus
from domains.sellers import Listing, Seller
from messaging.deadletters import DeadLetters
from tests.domains.inventory.shelf import ORDER as STOCK_OF_ORDER
from tests.journeys.world import World

UNPAID = {OrderStatus.REJECTED, OrderStatus.PAYMENT_FAILED, OrderStatus.EXPIRED}
HAS_NOTHING = {
    StockState.NONE,
    StockState.EXPIRED,
    StockState.RELEASED,
    StockState.FAILED,
    StockState.CANCELLED,
    StockState.RESTOCKED,
}


async def check_balance(
    world: World, sellers: Sequence[Seller], listings: Sequence[Listing], order_ids: Sequence[UUID]
) -> dict[UUID, Order]:
    """Fails where copies or money were lost or made; `order_ids` are all that ever named these listings."""
    orders = await world.orders.find_orders(order_ids)
    refunds = await world.orders.refunds_of(order_ids)
    for order in orders.values():
        await _check_order(world, order, refunds.get(order.id, ()))
    paid = [order for order in orders.values() if order.status is OrderStatus.PAID]
    given_back = [refund for order in paid for refund in refunds.get(order.id, ())]
    cancelled = [order for order in orders.values() if order.status is OrderStatus.CANCELLED]
    lost = await _lost(world, cancelled, [refund for order in cancelled for refund in refunds.get(order.id, ())])
    await _check_copies(world, listings, paid, given_back, lost)
    await _check_statistics(world, sellers, paid, given_back)
    assert (await DeadLetters(world.shop.databases).list()).items == []
    return orders


async def _check_order(world: World, order: Order, refunds: Sequence[Refund]) -> None:
    """Paid with stock, or the money is back: never both, never neither."""
    entries = [e for e in read_ledger(DataFolder(world.shop.settings.data).charges) if e.order_id == order.id]
    taken = [entry.amount for entry in entries if entry.verdict is Verdict.CAPTURED]
    returned = [entry.amount for entry in entries if entry.verdict is Verdict.REFUNDED]
    kept = sum(money.minor for money in taken if money) - sum(money.minor for money in returned if money)
    stock = await world.shop.databases["inventory"].read().one(STOCK_OF_ORDER, order_id=order.id)
    state = stock.state if stock else StockState.NONE

    assert order.settled, [entry.event for entry in order.timeline]
    assert len(taken) <= 1
    assert {refund.status for refund in refunds} <= {RefundStatus.DONE}
    done = sum(refund.amount.minor for refund in refunds)
    assert done == sum(money.minor for money in returned if money)
    match order.status:
        case OrderStatus.PAID:
            assert (taken, state) == ([order.total], StockState.DEDUCTED)
            assert kept == order.total.minor - done >= 0
            assert order.payment_status is _status_after(done, order.total.minor)
        case OrderStatus.CANCELLED:
            assert (taken, kept, order.payment_status) == ([order.total], 0, PaymentStatus.REFUNDED)
            assert state in HAS_NOTHING
        case _:
            assert order.status in UNPAID
            assert kept == 0
            assert state in HAS_NOTHING


def _status_after(returned: int, total: int) -> PaymentStatus:
    if returned == 0:
        return PaymentStatus.CAPTURED
    return PaymentStatus.REFUNDED if returned == total else PaymentStatus.PARTLY_REFUNDED


async def _lost(world: World, cancelled: Sequence[Order], refunds: Sequence[Refund]) -> Counter[UUID]:
    """What was refunded without restock, by listing, of orders that were cancelled and had their copies."""
    lost: Counter[UUID] = Counter()
    for order in cancelled:
        stock = await world.shop.databases["inventory"].read().one(STOCK_OF_ORDER, order_id=order.id)
        lines = {line.id: line for line in order.lines if stock and stock.state is StockState.RESTOCKED}
        for share in (share for refund in refunds for share in refund.lines if share.order_line_id in lines):
            lost[lines[share.order_line_id].listing_id] += 0 if share.restock else share.quantity
    return lost


async def _check_copies(
    world: World, listings: Sequence[Listing], paid: Sequence[Order], refunds: Sequence[Refund], lost: Counter[UUID]
) -> None:
    """What was published is on hand, or with those who paid for it, or lost; buyers see what is on hand."""
    lines = {line.id: line for order in paid for line in order.lines}
    sold = Counter(lost)
    for line in lines.values():
        sold[line.listing_id] += line.quantity
    for share in (share for refund in refunds for share in refund.lines if share.restock):
        sold[lines[share.order_line_id].listing_id] -= share.quantity
    items = await world.inventory.find_items([listing.id for listing in listings])
    books = await world.shop.services.catalog.find_offers(sorted({listing.isbn for listing in listings}))
    offered = {offer.listing_id: offer.quantity for book in books.values() for offer in book.offers}
    for listing in listings:
        item = items[listing.id]
        left = listing.published_quantity - sold[listing.id]
        assert (item.on_hand, item.held) == (left, 0)
        assert offered.get(listing.id, 0) == item.available == (0 if item.withdrawn else left)


async def _check_statistics(
    world: World, sellers: Sequence[Seller], paid: Sequence[Order], refunds: Sequence[Refund]
) -> None:
    """Sellers have sold what was paid for, less what was given back."""
    lines = {line.id: line for order in paid for line in order.lines}
    books: Counter[UUID] = Counter()
    revenue: Counter[UUID] = Counter()
    for line in lines.values():
        books[line.seller_id] += line.quantity
        revenue[line.seller_id] += line.quantity * line.unit_price.minor
    for share in (share for refund in refunds for share in refund.lines):
        seller_id = lines[share.order_line_id].seller_id
        books[seller_id] -= share.quantity
        revenue[seller_id] -= share.amount.minor
    known = await world.shop.services.sellers.find_sellers([seller.id for seller in sellers])
    for seller in sellers:
        statistics = known[seller.id]
        assert (statistics.books_sold, statistics.revenue.minor) == (books[seller.id], revenue[seller.id])
