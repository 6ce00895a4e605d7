"""What notifications do when something happened elsewhere: write to whom it concerns, once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from domains.notifications import mail_repository, repository
from domains.notifications.delivery import SIGNAL
from domains.notifications.model import Contact, Draft, NotificationChannel, preferences
from domains.notifications.texts import show_amount, show_lines, show_order, show_reason, write
from kernel.database import Transaction
from kernel.ids import new_id
from messaging import outbox
from messaging.consumer import NotYet
from messaging.events import (
    BookSold,
    NotificationCreated,
    NotificationKind,
    NotificationSkipped,
    OrderCancelled,
    OrderItem,
    OrderPaid,
    OrderPaymentFailed,
    OrderRefunded,
    SellerRegistered,
    SellerUpdated,
)


async def learn_seller(tx: Transaction, event: SellerRegistered | SellerUpdated) -> None:
    """Remember how the seller is written to; an older event never overwrites."""
    contact = Contact(
        seller_id=event.seller_id, owner_id=event.owner_id, display_name=event.display_name, email=event.email
    )
    await repository.learn_contact(tx, contact, version=event.version)


async def tell_buyer_and_sellers(tx: Transaction, event: OrderPaid) -> None:
    """Confirm the order to its buyer, and tell each seller what to send. Raises NotYet."""
    sellers = await _sellers(tx, event.order_items)
    total = show_amount(event.total_amount, event.currency)
    lines = show_lines(event.order_items, event.currency)
    to_buyer = _to_buyer(event, NotificationKind.ORDER_PAID, total=total, lines=lines)
    await _send(tx, to_buyer, *_to_sellers(event, sellers, NotificationKind.COPY_SOLD))


async def tell_of_failed_payment(tx: Transaction, event: OrderPaymentFailed) -> None:
    """Tell the buyer that nothing was charged."""
    await _send(tx, _to_buyer(event, NotificationKind.PAYMENT_FAILED, reason=show_reason(event.reason)))


async def tell_of_cancellation(tx: Transaction, event: OrderCancelled) -> None:
    """Tell the buyer what goes back, and each seller what not to send. Raises NotYet."""
    sellers = await _sellers(tx, event.order_items)
    reason = show_reason(event.reason)
    refund = show_amount(event.refund_amount, event.currency)
    lines = show_lines(event.order_items, event.currency)
    to_buyer = _to_buyer(event, NotificationKind.ORDER_CANCELLED, reason=reason, refund=refund, lines=lines)
    await _send(tx, to_buyer, *_to_sellers(event, sellers, NotificationKind.SALE_CANCELLED, reason=reason))


async def tell_of_refund(tx: Transaction, event: OrderRefunded) -> None:
    """Tell the buyer how much money went back, once for each refund."""
    amount = show_amount(event.amount, event.currency)
    await _send(tx, _to_buyer(event, NotificationKind.ORDER_REFUNDED, about=event.refund_id, amount=amount))


async def tell_of_sold_out_listing(tx: Transaction, event: BookSold) -> None:
    """Tell the seller, once for each order that takes a listing's last copy. Raises NotYet."""
    seller = (await _contacts(tx, {event.seller_id}))[event.seller_id]
    subject, body = write(NotificationKind.LISTING_SOLD_OUT, seller=seller.display_name, isbn=event.book_isbn)
    draft = Draft(
        recipient_id=seller.owner_id,
        address=seller.email,
        kind=NotificationKind.LISTING_SOLD_OUT,
        about=f"{event.listing_id}/{event.order_id}",
        subject=subject,
        body=body,
    )
    await _send(tx, draft)


def _to_buyer(
    event: OrderPaid | OrderPaymentFailed | OrderCancelled | OrderRefunded,
    kind: NotificationKind,
    *,
    about: UUID | None = None,
    **facts: object,
) -> Draft:
    subject, body = write(kind, order=show_order(event.number, event.order_id), **facts)
    return Draft(
        recipient_id=event.customer_id,
        address=event.customer_email,
        kind=kind,
        about=str(about or event.order_id),
        subject=subject,
        body=body,
        order_id=event.order_id,
    )


def _to_sellers(
    event: OrderPaid | OrderCancelled,
    sellers: Sequence[tuple[Contact, Sequence[OrderItem]]],
    kind: NotificationKind,
    **facts: object,
) -> list[Draft]:
    drafts = []
    for seller, items in sellers:
        subject, body = write(
            kind,
            order=show_order(event.number, event.order_id),
            seller=seller.display_name,
            copies=sum(item.quantity for item in items),
            lines=show_lines(items, event.currency),
            **facts,
        )
        draft = Draft(
            recipient_id=seller.owner_id,
            address=seller.email,
            kind=kind,
            about=str(event.order_id),
            subject=subject,
            body=body,
            order_id=event.order_id,
        )
        drafts.append(draft)
    return drafts


async def _sellers(tx: Transaction, items: Sequence[OrderItem]) -> list[tuple[Contact, Sequence[OrderItem]]]:
    """Each seller of an order with the items that are theirs."""
    contacts = await _contacts(tx, {item.seller_id for item in items})
    return [
        (contact, [item for item in items if item.seller_id == seller_id]) for seller_id, contact in contacts.items()
    ]


async def _contacts(tx: Transaction, seller_ids: Iterable[UUID]) -> dict[UUID, Contact]:
    wanted = set(seller_ids)
    contacts = await repository.find_contacts(tx, wanted)
    if unknown := wanted - contacts.keys():
        raise NotYet(f"seller {min(unknown)} has not arrived yet")
    return contacts


async def _send(tx: Transaction, *drafts: Draft) -> None:
    """Write to everybody who was not written to about this before, in one order of recipients."""
    for draft in sorted(drafts, key=lambda draft: (draft.recipient_id, draft.kind)):
        sequence = await repository.lock_recipient(tx, draft.recipient_id) + 1
        channels = draft.channels(preferences(await repository.choices(tx, draft.recipient_id)))
        shown = sequence if NotificationChannel.IN_APP in channels else None
        notification_id = new_id()
        if not await repository.add(tx, draft, id=notification_id, sequence=shown, skipped=not channels):
            continue
        if draft.address is not None and NotificationChannel.MAIL in channels:
            await mail_repository.add(tx, notification_id, draft.address)
            tx.wake(SIGNAL)
        event = (NotificationCreated if channels else NotificationSkipped)(
            notification_id=notification_id,
            recipient_id=draft.recipient_id,
            kind=draft.kind,
            subject=draft.subject,
            order_id=draft.order_id,
            sequence=shown or 0,
        )
        await outbox.add(tx, event)
