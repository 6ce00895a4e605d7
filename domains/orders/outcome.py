"""Recording what became of paying for an order: the one place where an order becomes PAID or ends without money."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from domains.orders import cart_repository, repository, views
from domains.orders.errors import PaymentDeclined, to_json
from domains.orders.model import OrderLine, OrderStatus, PaymentStatus
from domains.orders.payment import Captured, Decision, NotCharged, NotHeld, Outcome, Refused, decide, end_of
from domains.orders.ports import StockHolds
from domains.orders.repository import OrderHead
from domains.orders.steps import STOCK_RECEIPT, Step, notice_receipt, sale_receipt, take_step
from kernel.database import Database, Transaction
from kernel.errors import Problem
from kernel.ids import new_id
from messaging import outbox
from messaging.events import NotificationKind, OrderCreated, OrderItem, OrderPaid, OrderPaymentFailed

LATE_CHARGE = "LATE_CHARGE"
"""Why money goes back that came after its order had ended."""


class Outcomes:
    """Records outcomes: from a checkout, from the sweep, from a provider's own call."""

    def __init__(self, database: Database, stock: StockHolds, *, again_seconds: int) -> None:
        """`again_seconds`: when the sweep gives a hold back if whoever recorded the outcome did not come to it."""
        self._database = database
        self._stock = stock
        self._again_seconds = again_seconds

    async def record(self, order_id: UUID, outcome: Outcome) -> None:
        """Do to the order what the outcome asks for; outcomes may come late and more than once."""
        reason = await self._database.transact(lambda tx: _record(tx, order_id, outcome, self._again_seconds))
        if reason:
            await self.release(order_id, reason)

    async def release(self, order_id: UUID, reason: str) -> None:
        """Give back what is held for an order that ended without money."""
        await self._stock.release(order_id, reason)
        await self._database.write(repository.MARK_RELEASED, id=order_id)


async def _record(tx: Transaction, order_id: UUID, outcome: Outcome, again_seconds: int) -> str | None:
    """Why the order's hold has to be given back now, None where it has not."""
    if isinstance(outcome, Captured):
        # The cart is locked before the order, as it is where an order is opened.
        await tx.run(cart_repository.BUMP_CART_OF_PENDING_ORDER, order_id=order_id)
    head = await repository.lock_order(tx, order_id)
    if head is None:
        raise LookupError(f"there is no order {order_id}")
    decision = decide(head.status, outcome)
    if decision is Decision.PAY and isinstance(outcome, Captured):
        await _pay(tx, head, outcome)
    elif decision is Decision.REFUND and isinstance(outcome, Captured):
        await _return_late_charge(tx, head, outcome)
    elif decision is Decision.END and isinstance(outcome, Refused | NotCharged | NotHeld):
        return await _end(tx, head, outcome, again_seconds)
    return None


async def _pay(tx: Transaction, head: OrderHead, charge: Captured) -> None:
    """The order is paid: what was bought leaves the cart, and everybody hears of it."""
    lines = await views.lines_of(tx, head.id, head.currency)
    await cart_repository.take_out_ordered(tx, head.buyer_id, head.id, len(lines))
    paid_at = await repository.mark_paid(tx, head.id)
    await tx.run(repository.ADD_PAYMENT, order_id=head.id, reference=charge.reference, captured=head.total, refunding=0)
    await repository.expect(tx, head.id, _receipts(head, lines))
    await tx.run(repository.ANSWER_ATTEMPT, order_id=head.id, problems=[])
    items = tuple(_item(line) for line in lines)
    created = OrderCreated(
        order_id=head.id,
        customer_id=head.buyer_id,
        order_date=head.placed_at,
        total_amount=head.total,
        payment_status=PaymentStatus.CAPTURED,
        paid_date=paid_at,
        order_items=items,
        currency=head.currency,
        number=head.number,
    )
    paid = OrderPaid(
        order_id=head.id,
        customer_id=head.buyer_id,
        total_amount=head.total,
        paid_date=paid_at,
        order_items=items,
        currency=head.currency,
        number=head.number,
        customer_email=head.buyer_email,
    )
    await outbox.add(tx, created, paid)
    await take_step(tx, head, Step("OrderPaid"))


async def _end(
    tx: Transaction, head: OrderHead, outcome: Refused | NotCharged | NotHeld, again_seconds: int
) -> str | None:
    """The order ends without money; why its hold has to be given back, None where nothing is held."""
    status = end_of(outcome, charging=head.charge_deadline is not None)
    problems, code = _told(outcome)
    reason = None if isinstance(outcome, NotHeld) else status.value
    await tx.run(
        repository.MARK_ENDED,
        id=head.id,
        status=status,
        release_reason=reason,
        # Where nothing has to be given back the sweep has nothing to look after.
        seconds=again_seconds if reason else None,
    )
    await tx.run(repository.ANSWER_ATTEMPT, order_id=head.id, problems=to_json(problems))
    if status is OrderStatus.PAYMENT_FAILED:
        failed = OrderPaymentFailed(
            order_id=head.id,
            customer_id=head.buyer_id,
            customer_email=head.buyer_email,
            number=head.number,
            reason=code,
        )
        await outbox.add(tx, failed)
    await take_step(tx, head, Step(_ENDINGS[status], detail=code))
    return reason


async def _return_late_charge(tx: Transaction, head: OrderHead, charge: Captured) -> None:
    """The money came after the order had ended: it has to go back."""
    await tx.run(
        repository.ADD_PAYMENT, order_id=head.id, reference=charge.reference, captured=head.total, refunding=head.total
    )
    refund = await tx.one(repository.ADD_REFUND, id=new_id(), order_id=head.id, cause=LATE_CHARGE, amount=head.total)
    if refund is None:
        return
    await tx.run(repository.MARK_REFUNDING, id=head.id)
    await repository.expect(tx, head.id, [f"OrderRefunded:{refund.id}"])
    await take_step(tx, head, Step("RefundRequested", detail=LATE_CHARGE))


_ENDINGS = {
    OrderStatus.REJECTED: "OrderRejected",
    OrderStatus.PAYMENT_FAILED: "OrderPaymentFailed",
    OrderStatus.EXPIRED: "OrderExpired",
}


def _told(outcome: Refused | NotCharged | NotHeld) -> tuple[tuple[Problem, ...], str]:
    """What the buyer is told of an end, and its code."""
    match outcome:
        case NotHeld(problems):
            return problems, "OUT_OF_STOCK"
        case Refused(code):
            return (PaymentDeclined(reason_code=code),), code
        case NotCharged():
            return (PaymentDeclined(reason_code="NOT_CHARGED"),), "NOT_CHARGED"


def _receipts(head: OrderHead, lines: Sequence[OrderLine]) -> Iterable[str]:
    """What has to come before a paid order is settled: its stock, a sale a line, word to the buyer and each seller."""
    yield STOCK_RECEIPT
    yield from (sale_receipt(line.id) for line in lines)
    yield notice_receipt(NotificationKind.ORDER_PAID, head.buyer_id)
    for owner_id in sorted({line.seller_owner_id for line in lines}):
        yield notice_receipt(NotificationKind.COPY_SOLD, owner_id)


def _item(line: OrderLine) -> OrderItem:
    return OrderItem(
        order_item_id=line.id,
        book_isbn=line.isbn,
        seller_id=line.seller_id,
        quantity=line.quantity,
        unit_price=line.unit_price.minor,
        listing_id=line.listing_id,
        title=line.title,
        grade=line.grade,
    )
