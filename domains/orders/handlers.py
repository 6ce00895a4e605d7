"""Reactions to events: orders ticks off what the other domains report, and shows it on the timeline."""

from __future__ import annotations

from uuid import UUID

from domains.orders import repository
from domains.orders.cancellation import cancel
from domains.orders.model import OrderStatus
from domains.orders.steps import (
    RELEASE_RECEIPT,
    STOCK_RECEIPT,
    Step,
    notice_receipt,
    reversal_receipt,
    sale_receipt,
    take_step,
)
from kernel.database import Transaction
from kernel.money import Money
from messaging.events import (
    NotificationCreated,
    NotificationFailed,
    NotificationSent,
    NotificationSkipped,
    SaleRecorded,
    SaleReversed,
    StockDeducted,
    StockDeductionFailed,
    StockReleased,
)

OUT_OF_STOCK = "OUT_OF_STOCK"
"""Why an order is undone whose copies are gone."""

Receipt = StockDeducted | StockReleased | SaleRecorded | SaleReversed | NotificationCreated | NotificationSkipped


async def note_receipt(tx: Transaction, event: Receipt) -> None:
    """Show on the order's timeline what another domain did, and tick it off if it was waited for."""
    match event:
        case StockDeducted():
            copies = sum(line.quantity for line in event.lines)
            step = Step("StockDeducted", "inventory", detail=_copies(copies), receipt=STOCK_RECEIPT)
        case StockReleased():
            step = Step("StockReleased", "inventory", detail=event.reason or None, receipt=RELEASE_RECEIPT)
        case SaleRecorded():
            step = _sale("SaleRecorded", event, sale_receipt(event.order_item_id))
        case SaleReversed():
            step = _sale("SaleReversed", event, reversal_receipt(event.order_item_id))
        case NotificationCreated() | NotificationSkipped():
            step = Step(
                type(event).__name__,
                "notifications",
                str(event.notification_id),
                event.kind,
                notice_receipt(event.kind, event.recipient_id),
            )
    await _take(tx, event.order_id, step)


async def note_delivery(tx: Transaction, event: NotificationSent | NotificationFailed) -> None:
    """Show on the order's timeline what became of a message on one channel; nothing waits for it."""
    subject = f"{event.notification_id}:{event.channel}"
    detail = f"{event.kind} by {event.channel}"
    await _take(tx, event.order_id, Step(type(event).__name__, "notifications", subject, detail))


async def cancel_and_refund(tx: Transaction, event: StockDeductionFailed) -> None:
    """Undo an order whose copies are gone, and show why; one that is undone already stays as it is."""
    missing = sum(shortage.wanted - shortage.available for shortage in event.shortages)
    head = await repository.lock_order(tx, event.order_id)
    if head is None:
        return
    head = await take_step(tx, head, Step("StockDeductionFailed", "inventory", detail=f"{_copies(missing)} missing"))
    if head.status is OrderStatus.PAID:
        await cancel(tx, head, OUT_OF_STOCK)


async def _take(tx: Transaction, order_id: UUID | None, step: Step) -> None:
    """Take a step of an order; what is told of no order, or of one that was not placed here, is nobody's step."""
    head = await repository.lock_order(tx, order_id) if order_id else None
    if head is not None:
        await take_step(tx, head, step)


def _sale(name: str, event: SaleRecorded | SaleReversed, receipt: str) -> Step:
    amount = Money(event.amount, event.currency)
    return Step(name, "sellers", str(event.order_item_id), f"{_copies(event.quantity)} for {amount}", receipt)


def _copies(count: int) -> str:
    return "1 copy" if count == 1 else f"{count} copies"
