"""A step of an order's way: its timeline, the receipt that it brings, the next version, and word to those who watch."""

from __future__ import annotations

from dataclasses import dataclass

from domains.orders import repository
from domains.orders.repository import OrderHead
from kernel.database import Transaction
from messaging import outbox
from messaging.events import OrderUpdated, TimelineEntry


@dataclass(frozen=True, slots=True)
class Step:
    """`event` happened in `domain`; `subject` tells it from others of its kind; `receipt` is what it ticks off."""

    event: str
    domain: str = "orders"
    subject: str = ""
    detail: str | None = None
    receipt: str | None = None

    @property
    def what(self) -> str:
        """The same for the same step, however often it is told."""
        return f"{self.event}:{self.subject}"


async def take_step(tx: Transaction, head: OrderHead, step: Step) -> OrderHead:
    """Take a step of a locked order, and give it at its next version; one that was taken before does nothing."""
    at = await repository.add_entry(
        tx, head.id, head.version + 1, event=step.event, domain=step.domain, what=step.what, detail=step.detail
    )
    if at is None:
        return head
    if step.receipt is not None:
        await tx.run(repository.TICK, order_id=head.id, what=step.receipt)
    state = await repository.next_state(tx, head.id)
    await outbox.add(
        tx,
        OrderUpdated(
            order_id=head.id,
            customer_id=head.buyer_id,
            seller_ids=await repository.sellers_of(tx, head.id),
            version=state.version,
            status=state.status,
            payment_status=state.payment_status,
            settled=state.settled,
            entry=TimelineEntry(at=at, event=step.event, domain=step.domain, detail=step.detail),
        ),
    )
    return head._replace(version=state.version)


def sale_receipt(order_item_id: object) -> str:
    """The receipt of a line in its seller's books."""
    return f"SaleRecorded:{order_item_id}"


def notice_receipt(kind: str, recipient_id: str) -> str:
    """The receipt of a message to somebody."""
    return f"Notice:{kind}:{recipient_id}"


def reversal_receipt(order_item_id: object) -> str:
    """The receipt of a line that its seller's books no longer count."""
    return f"SaleReversed:{order_item_id}"


def refund_receipt(refund_id: object) -> str:
    """The receipt of money that is back."""
    return f"OrderRefunded:{refund_id}"


STOCK_RECEIPT = "StockDeducted"
"""The receipt of the copies that left the shelf."""
RELEASE_RECEIPT = "StockReleased"
"""The receipt of the copies that are the order's no more."""
