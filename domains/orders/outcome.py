"""Recording what became of paying for an order: the one place where an order becomes PAID or ends without money."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from domains.orders import attempt_repository, cart_repository, refund_repository, refunds, repository, views
from domains.orders.errors import PaymentDeclined, to_json
from domains.orders.model import OrderLine, OrderStatus, PaymentStatus
from domains.orders.payment import (
    ActionRequired,
    Captured,
    Decision,
    Ending,
    GivenUp,
    NotCharged,
    NotHeld,
    Outcome,
    Refused,
    decide,
    end_of,
)
from domains.orders.ports import StockHolds
from domains.orders.refund import RefundCause
from domains.orders.refunds import WantedRefund
from domains.orders.repository import OrderHead
from domains.orders.steps import STOCK_RECEIPT, Step, notice_receipt, sale_receipt, take_step
from kernel.database import Database, Transaction
from kernel.errors import Problem
from kernel.ids import new_id
from messaging import outbox
from messaging.events import NotificationKind, OrderCreated, OrderItem, OrderPaid, OrderPaymentFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How long things may take once an outcome is known, in whole seconds."""

    action_seconds: int
    """What the provider requires of the buyer."""
    cancel_seconds: int
    """Until a buyer may no longer cancel what is paid."""
    again_seconds: int
    """Until the sweep looks at an order, also when whoever recorded its end did not come to giving its hold back."""


class Outcomes:
    """Records outcomes: from a checkout, from the sweep, from a provider's own call."""

    def __init__(self, database: Database, stock: StockHolds, *, terms: Terms) -> None:
        self._database = database
        self._stock = stock
        self._terms = terms

    async def record(self, order_id: UUID, outcome: Outcome) -> None:
        """Do to the order what the outcome asks for; outcomes may come late and more than once."""
        reason = await self._database.transact(lambda tx: _record(tx, order_id, outcome, self._terms))
        if reason:
            await self.release(order_id, reason)

    async def release(self, order_id: UUID, reason: str) -> None:
        """Give back what is held for an order that ended without money."""
        await self._stock.release(order_id, reason)
        await self._database.write(repository.MARK_RELEASED, id=order_id)


async def _record(tx: Transaction, order_id: UUID, outcome: Outcome, terms: Terms) -> str | None:
    """Why the order's hold has to be given back now, None where it has not."""
    if isinstance(outcome, Captured):
        # The cart is locked before the order, as it is where an order is opened.
        await tx.run(cart_repository.BUMP_CART_OF_PENDING_ORDER, order_id=order_id)
    head = await repository.lock_order(tx, order_id)
    if head is None:
        raise LookupError(f"there is no order {order_id}")
    decision = decide(head.status, outcome)
    if decision is Decision.PAY and isinstance(outcome, Captured):
        await _pay(tx, head, outcome, terms)
    elif decision is Decision.REFUND and isinstance(outcome, Captured):
        await _return_late_charge(tx, head, outcome)
    elif decision is Decision.WAIT and isinstance(outcome, ActionRequired):
        await _await_action(tx, head, outcome, terms)
    elif decision is Decision.END and isinstance(outcome, Ending):
        return await _end(tx, head, outcome, terms)
    return None


async def _pay(tx: Transaction, head: OrderHead, charge: Captured, terms: Terms) -> None:
    """The order is paid: what was bought leaves the cart, and everybody hears of it."""
    lines = await views.lines_of(tx, head.id, head.currency)
    await cart_repository.take_out_ordered(tx, head.buyer_id, head.id, len(lines))
    paid_at = await repository.mark_paid(tx, head.id, cancel_seconds=terms.cancel_seconds)
    await tx.run(refund_repository.ADD_PAYMENT, order_id=head.id, reference=charge.reference, captured=head.total)
    await repository.expect(tx, head.id, _receipts(head, lines))
    await tx.run(attempt_repository.ANSWER_ATTEMPT, order_id=head.id, problems=[])
    items = tuple(map(item_of, lines))
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


async def _await_action(tx: Transaction, head: OrderHead, action: ActionRequired, terms: Terms) -> None:
    """The order stays PENDING until its buyer has done something, or had time enough for it."""
    if head.next_action == asdict(action):
        return
    await tx.run(
        repository.AWAIT_ACTION,
        id=head.id,
        next_action=asdict(action),
        action_seconds=terms.action_seconds,
        look_seconds=terms.again_seconds,
    )
    await take_step(tx, head, Step("PaymentActionRequired"))


async def _end(tx: Transaction, head: OrderHead, outcome: Ending, terms: Terms) -> str | None:
    """The order ends without money; why its hold has to be given back, None where nothing is held."""
    status = end_of(outcome, charging=head.charge_deadline is not None)
    problems, code = _told(outcome)
    reason = None if isinstance(outcome, NotHeld) else status.value
    await tx.run(
        repository.MARK_ENDED,
        id=head.id,
        status=status,
        release_reason=reason,
        cancel_reason=outcome.reason if isinstance(outcome, GivenUp) else None,
        # Where nothing has to be given back the sweep has nothing to look after.
        seconds=terms.again_seconds if reason else None,
    )
    await tx.run(attempt_repository.ANSWER_ATTEMPT, order_id=head.id, problems=to_json(problems))
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
    await tx.run(refund_repository.ADD_PAYMENT, order_id=head.id, reference=charge.reference, captured=head.total)
    late = RefundCause.LATE_CHARGE
    await refunds.ask_for(tx, head, WantedRefund(id=new_id(), cause=late, amount=head.total, reason=late.value))


_ENDINGS = {
    OrderStatus.REJECTED: "OrderRejected",
    OrderStatus.PAYMENT_FAILED: "OrderPaymentFailed",
    OrderStatus.EXPIRED: "OrderExpired",
}


def _told(outcome: Ending) -> tuple[tuple[Problem, ...], str]:
    """What the buyer is told of an end, and its code."""
    match outcome:
        case NotHeld(problems):
            return problems, "OUT_OF_STOCK"
        case Refused(code):
            return (PaymentDeclined(reason_code=code),), code
        case NotCharged():
            return (PaymentDeclined(reason_code="NOT_CHARGED"),), "NOT_CHARGED"
        case GivenUp(reason):
            return (PaymentDeclined(reason_code="GIVEN_UP"),), reason


def _receipts(head: OrderHead, lines: Sequence[OrderLine]) -> Iterable[str]:
    """What has to come before a paid order is settled: its stock, a sale a line, word to the buyer and each seller."""
    yield STOCK_RECEIPT
    yield from (sale_receipt(line.id) for line in lines)
    yield notice_receipt(NotificationKind.ORDER_PAID, head.buyer_id)
    for owner_id in sorted({line.seller_owner_id for line in lines}):
        yield notice_receipt(NotificationKind.COPY_SOLD, owner_id)


def item_of(line: OrderLine) -> OrderItem:
    """A line as the events tell of it."""
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
