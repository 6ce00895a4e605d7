"""Cancelling an order: what it takes back is told to everybody, and settled waits for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from uuid import UUID

from domains.orders import refund_repository, refunds, repository, views
from domains.orders.errors import CannotCancel, OrderNotFound
from domains.orders.model import Order, OrderLine, OrderStatus
from domains.orders.outcome import Outcomes, item_of
from domains.orders.payment import Captured, GivenUp, Unknown
from domains.orders.ports import PaymentProvider
from domains.orders.refund import Refund, RefundCause, RefundStatus
from domains.orders.refund_commands import CancelOrder, cancellation_problem
from domains.orders.refunds import WantedRefund
from domains.orders.repository import OrderHead
from domains.orders.running import SoFar
from domains.orders.steps import (
    RELEASE_RECEIPT,
    Step,
    notice_receipt,
    refund_receipt,
    reversal_receipt,
    take_step,
)
from kernel.database import Database, Transaction
from kernel.errors import InvalidField
from kernel.ids import new_id
from messaging import outbox
from messaging.events import LostLine, NotificationKind, OrderCancelled

BY_BUYER = "CANCELLED_BY_BUYER"
"""The reason of a buyer who gave none."""

_NOT_PAID = CannotCancel(reason="The order was not paid: there is nothing to undo.")
_TOO_LATE = CannotCancel(reason="The time in which the order could be cancelled is over.")
_NO_OUTCOME = CannotCancel(reason="What became of the payment is not known yet: try again in a minute.")
_ASKED = CannotCancel(
    reason="Whether the payment can still be stopped is not known yet: watch the order, or try again in a minute."
)
_PAID_MEANWHILE = CannotCancel(reason="The payment came through meanwhile: the order is paid.")


Cancelled = Order | OrderNotFound | CannotCancel | InvalidField


class Cancellations:
    """Undoes orders for those who may ask for it."""

    def __init__(self, database: Database, payments: PaymentProvider, outcomes: Outcomes) -> None:
        self._database = database
        self._payments = payments
        self._outcomes = outcomes

    async def cancel(self, command: CancelOrder, so_far: SoFar[Cancelled]) -> Cancelled:
        """Undo a paid order, or give up one that waits for its buyer to do something for the payment.

        There is something to tell while the provider is asked.
        """
        if problem := cancellation_problem(command):
            return problem
        reason = command.reason.strip() or BY_BUYER
        answer = await self._database.transact(lambda tx: _cancel_if_paid(tx, command, reason))
        if isinstance(answer, OrderHead):
            so_far.set_result(partial(self._told_meanwhile, command.order_id))
            answer = await self._give_up(answer, reason)
        return answer or await views.order_with(self._database.read(), command.order_id)

    async def _give_up(self, head: OrderHead, reason: str) -> CannotCancel | None:
        """Final only when the provider has promised to take nothing: it may have the money already."""
        outcome = await self._payments.void(head.charge_reference) if head.charge_reference else GivenUp(reason)
        if isinstance(outcome, Unknown):
            return _NO_OUTCOME
        if isinstance(outcome, Captured):
            await self._outcomes.record(head.id, outcome)
            return _PAID_MEANWHILE
        await self._outcomes.record(head.id, GivenUp(reason))
        return None

    async def _told_meanwhile(self, order_id: UUID) -> Order | CannotCancel:
        """What there is to tell of an order that is being given up."""
        order = await views.order_with(self._database.read(), order_id)
        if order.status is OrderStatus.PENDING:
            return _ASKED
        return _PAID_MEANWHILE if order.status is OrderStatus.PAID else order


async def cancel(tx: Transaction, head: OrderHead, reason: str) -> None:
    """Undo a locked PAID order: what is left of its money is to go back, and every domain takes its part back."""
    await tx.run(repository.MARK_CANCELLED, id=head.id, cancel_reason=reason)
    lines = await views.lines_of(tx, head.id, head.currency)
    left = (await refund_repository.payment_of(tx, head.id)).left
    known = (await refund_repository.refunds_of(tx, [head.id])).get(head.id, ())
    cancelled = OrderCancelled(
        order_id=head.id,
        customer_id=head.buyer_id,
        customer_email=head.buyer_email,
        number=head.number,
        reason=reason,
        order_items=tuple(map(item_of, lines)),
        refund_amount=left,
        currency=head.currency,
        lost=tuple(_lost(lines, known)),
    )
    await outbox.add(tx, cancelled)
    pending = [refund.id for refund in known if refund.status is not RefundStatus.DONE]
    await tx.run(repository.FORGET_RECEIPTS, order_id=head.id)
    await repository.expect(tx, head.id, [*_receipts(head, lines), *map(refund_receipt, pending)])
    head = await take_step(tx, head, Step("OrderCancelled", detail=reason))
    if left:
        wanted = WantedRefund(id=new_id(), cause=RefundCause.CANCELLATION, amount=left, reason=reason)
        await refunds.ask_for(tx, head, wanted)


async def _cancel_if_paid(
    tx: Transaction, command: CancelOrder, reason: str
) -> OrderNotFound | CannotCancel | OrderHead | None:
    """None when the order is cancelled; its head when it waits for its buyer, and the provider has to be asked."""
    head = await repository.lock_order(tx, command.order_id)
    if head is None or not (command.operator or head.buyer_id == command.viewer_id):
        return OrderNotFound()
    if head.cancel_reason is not None:
        return None
    match head.status:
        case OrderStatus.PAID if command.operator or head.may_cancel:
            await cancel(tx, head, reason)
            return None
        case OrderStatus.PAID:
            return _TOO_LATE
        case OrderStatus.PENDING:
            return head if head.next_action is not None else _NO_OUTCOME
    return _NOT_PAID


def _lost(lines: Iterable[OrderLine], refunds: Iterable[Refund]) -> Iterable[LostLine]:
    """What was refunded without restock, whether its money is back or not: nobody can sell it again."""
    shares = [share for refund in refunds for share in refund.lines if not share.restock]
    for line in lines:
        if copies := sum(share.quantity for share in shares if share.order_line_id == line.id):
            yield LostLine(listing_id=line.listing_id, quantity=copies)


def _receipts(head: OrderHead, lines: Sequence[OrderLine]) -> Iterable[str]:
    """What has to come before a cancelled order is settled, besides its money."""
    yield RELEASE_RECEIPT
    yield from (reversal_receipt(line.id) for line in lines)
    yield notice_receipt(NotificationKind.ORDER_CANCELLED, head.buyer_id)
    for owner_id in sorted({line.seller_owner_id for line in lines}):
        yield notice_receipt(NotificationKind.SALE_CANCELLED, owner_id)
