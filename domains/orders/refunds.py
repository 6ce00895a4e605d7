"""Refunds of a locked order: reserved and written down, done, failed, tried again; each shows on its timeline."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domains.orders import refund_repository, repository, views
from domains.orders.payment import Refunded, RefundOutcome, RefundReturned
from domains.orders.refund import Refund, RefundCause, RefundedLine
from domains.orders.repository import OrderHead
from domains.orders.steps import Step, refund_receipt, take_step
from kernel.database import Transaction
from kernel.ids import new_id
from kernel.money import Money
from messaging import outbox
from messaging.events import OrderRefunded
from messaging.events import RefundedLine as ReturnedLine

SIGNAL = "refunds"
"""Set after each commit that left a refund to make."""
CODE_LENGTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRefund:
    """Money that is to go back; an operator's has a key, a fingerprint and lines."""

    id: UUID
    cause: RefundCause
    amount: int
    reason: str
    operator_id: str | None = None
    key: str | None = None
    fingerprint: str | None = None
    lines: tuple[RefundedLine, ...] = ()


class NothingLeft(Exception):
    """More was to be given back than is left; rolls the transaction back."""


async def ask_for(tx: Transaction, head: OrderHead, wanted: WantedRefund) -> OrderHead | None:
    """Reserve the money and write the refund down; None if there is one of this cause, or under this key, already.

    Raises NothingLeft.
    """
    added = await tx.one(
        refund_repository.ADD_REFUND,
        id=wanted.id,
        order_id=head.id,
        cause=wanted.cause,
        amount=wanted.amount,
        reason=wanted.reason,
        operator_id=wanted.operator_id,
        key=wanted.key,
        fingerprint=wanted.fingerprint,
    )
    if added is None:
        return None
    if not await tx.run(refund_repository.RESERVE, order_id=head.id, amount=wanted.amount):
        raise NothingLeft
    await tx.many(refund_repository.ADD_LINE, [_row(wanted.id, line) for line in wanted.lines])
    await repository.expect(tx, head.id, [refund_receipt(wanted.id)])
    return await _on_its_way(tx, head, Money(wanted.amount, head.currency))


async def record(tx: Transaction, refund_id: UUID, outcome: RefundOutcome) -> None:
    """Do to the refund what the outcome asks for; outcomes may come late and more than once.

    A refusal leaves done what is done, and money that went back after all is done too. LookupError if there is no such
    refund.
    """
    head, refund = await _lock(tx, refund_id)
    if isinstance(outcome, Refunded):
        if await tx.run(refund_repository.MARK_DONE, id=refund_id):
            await _give_back(tx, head, refund)
        return
    code = outcome.code[:CODE_LENGTH]
    if isinstance(outcome, RefundReturned) and await tx.run(
        refund_repository.MARK_RETURNED, id=refund_id, failure_code=code
    ):
        await tx.run(refund_repository.TAKE_BACK, order_id=head.id, amount=refund.amount.minor)
        await tx.run(repository.EXPECT_AGAIN, order_id=head.id, what=refund_receipt(refund_id))
        await _failed(tx, head, "RefundReturned", code)
    elif isinstance(outcome, RefundReturned) and outcome.retry < refund.retries:
        return  # it is to be made anew
    elif await tx.run(refund_repository.MARK_FAILED, id=refund_id, failure_code=code):
        await _failed(tx, head, "RefundFailed", code)


async def try_again(tx: Transaction, refund_id: UUID) -> None:
    """Make a FAILED refund due; any other stays as it is. LookupError if there is no such refund."""
    head, refund = await _lock(tx, refund_id)
    if await tx.run(refund_repository.MARK_RETRIED, id=refund_id):
        await _on_its_way(tx, head, refund.amount)


async def _lock(tx: Transaction, refund_id: UUID) -> tuple[OrderHead, Refund]:
    """A refund and its order, which nobody else changes before this transaction ends."""
    row = await tx.one(refund_repository.FIND_ORDER, id=refund_id)
    head = await repository.lock_order(tx, row.order_id) if row else None
    refund = await refund_repository.find_refund(tx, refund_id) if head else None
    if head is None or refund is None:
        raise LookupError(f"there is no refund {refund_id}")
    return head, refund


async def _on_its_way(tx: Transaction, head: OrderHead, amount: Money) -> OrderHead:
    tx.wake(SIGNAL)
    await refund_repository.refresh_payment_status(tx, head.id)
    return await take_step(tx, head, Step("RefundRequested", subject=str(new_id()), detail=str(amount)))


async def _failed(tx: Transaction, head: OrderHead, event: str, code: str) -> None:
    await refund_repository.refresh_payment_status(tx, head.id)
    await take_step(tx, head, Step(event, subject=str(new_id()), detail=code))


async def _give_back(tx: Transaction, head: OrderHead, refund: Refund) -> None:
    """The money is back: everybody hears of it."""
    await tx.run(refund_repository.GIVE_BACK, order_id=head.id, amount=refund.amount.minor)
    await refund_repository.refresh_payment_status(tx, head.id)
    refunded = OrderRefunded(
        order_id=head.id,
        customer_id=head.buyer_id,
        customer_email=head.buyer_email,
        number=head.number,
        refund_id=refund.id,
        amount=refund.amount.minor,
        currency=refund.amount.currency,
        lines=await _returned(tx, head, refund),
    )
    await outbox.add(tx, refunded)
    receipt = refund_receipt(refund.id)
    # Its money may come back to us and go out again: that is another step.
    step = Step("OrderRefunded", subject=str(new_id()), detail=str(refund.amount), receipt=receipt)
    await take_step(tx, head, step)


async def _returned(tx: Transaction, head: OrderHead, refund: Refund) -> tuple[ReturnedLine, ...]:
    if not refund.lines:
        return ()
    ordered = {line.id: line for line in await views.lines_of(tx, head.id, head.currency)}
    return tuple(
        ReturnedLine(
            order_item_id=line.order_line_id,
            listing_id=ordered[line.order_line_id].listing_id,
            seller_id=ordered[line.order_line_id].seller_id,
            quantity=line.quantity,
            amount=line.amount.minor,
            restock=line.restock,
        )
        for line in refund.lines
    )


def _row(refund_id: UUID, line: RefundedLine) -> dict[str, object]:
    return {
        "refund_id": refund_id,
        "order_line_id": line.order_line_id,
        "quantity": line.quantity,
        "amount": line.amount.minor,
        "restock": line.restock,
    }
