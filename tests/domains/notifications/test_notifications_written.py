"""Who is written to when something happens, once for each event and recipient."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from domains.notifications import (
    Delivery,
    DeliveryStatus,
    Notification,
    NotificationChannel,
    NotificationKind,
    NotificationsService,
    NotificationStatus,
)
from domains.notifications.handlers import (
    learn_seller,
    tell_buyer_and_sellers,
    tell_of_cancellation,
    tell_of_failed_payment,
    tell_of_refund,
    tell_of_sold_out_listing,
)
from kernel.pages import PageRequest
from messaging.consumer import NotYet
from messaging.event import Event
from messaging.events import (
    BookSold,
    NotificationCreated,
    NotificationSkipped,
    OrderCancelled,
    OrderItem,
    OrderPaid,
    OrderPaymentFailed,
    OrderRefunded,
    SellerRegistered,
    SellerUpdated,
)

PAID_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORDER, SARAH, TOM = uuid4(), uuid4(), uuid4()
Told = Callable[[], Awaitable[list[Event]]]
Deliver = Callable[..., Awaitable[None]]


def item(seller_id: UUID, title: str, *, quantity: int = 1) -> OrderItem:
    return OrderItem(
        order_item_id=uuid4(),
        book_isbn="9780439023481",
        seller_id=seller_id,
        quantity=quantity,
        unit_price=1250,
        listing_id=uuid4(),
        title=title,
    )


ITEMS = (item(SARAH, "Dune", quantity=2), item(TOM, "Emma"), item(SARAH, "Ulysses"))
PAID = OrderPaid(
    order_id=ORDER,
    customer_id="bob",
    total_amount=5000,
    paid_date=PAID_AT,
    order_items=ITEMS,
    number="B-1001",
    customer_email="bob@example.org",
)
CANCELLED = OrderCancelled(
    order_id=ORDER,
    customer_id="bob",
    number="B-1001",
    reason="OUT_OF_STOCK",
    order_items=ITEMS,
    refund_amount=5000,
)


@pytest.fixture
async def sellers(deliver: Deliver) -> None:
    for seller_id, owner in ((SARAH, "sarah"), (TOM, "tom")):
        event = SellerRegistered(
            seller_id=seller_id,
            owner_id=owner,
            display_name=f"{owner.title()}'s Shelf",
            email=f"{owner}@example.org",
            version=1,
        )
        await deliver(learn_seller, event)


async def inbox(service: NotificationsService, recipient_id: str) -> list[Notification]:
    return list((await service.messages_of(recipient_id, unread_only=False, page=PageRequest())).items)


@pytest.mark.usefixtures("sellers")
async def test_a_paid_order_is_confirmed_to_its_buyer_and_told_to_each_seller(
    service: NotificationsService, deliver: Deliver, told: Told
) -> None:
    await deliver(tell_buyer_and_sellers, PAID)

    (to_bob,) = await inbox(service, "bob")
    (to_sarah,) = await inbox(service, "sarah")
    (to_tom,) = await inbox(service, "tom")
    assert (to_bob.kind, to_bob.subject) == (NotificationKind.ORDER_PAID, "Your order B-1001 is paid")
    assert (to_sarah.kind, to_sarah.subject) == (NotificationKind.COPY_SOLD, "You sold 3 copies in order B-1001")
    assert to_tom.subject == "You sold 1 copy in order B-1001"
    assert all(title in to_bob.body for title in ("Dune", "Emma", "Ulysses", "€50.00"))
    assert "Emma" not in to_sarah.body
    assert "Dune" not in to_tom.body
    assert {message.order_id for message in (to_bob, to_sarah, to_tom)} == {ORDER}
    created = [event for event in await told() if isinstance(event, NotificationCreated)]
    assert {(event.recipient_id, event.kind, event.order_id, event.sequence) for event in created} == {
        ("bob", NotificationKind.ORDER_PAID, ORDER, 1),
        ("sarah", NotificationKind.COPY_SOLD, ORDER, 1),
        ("tom", NotificationKind.COPY_SOLD, ORDER, 1),
    }
    assert {event.notification_id for event in created} == {to_bob.id, to_sarah.id, to_tom.id}


@pytest.mark.usefixtures("sellers")
async def test_a_redelivered_payment_writes_to_nobody_again(
    service: NotificationsService, deliver: Deliver, told: Told
) -> None:
    await deliver(tell_buyer_and_sellers, PAID, PAID, PAID)

    assert len(await inbox(service, "bob")) == len(await inbox(service, "sarah")) == 1
    assert len(await told()) == 3
    assert await service.last_sequence("bob") == 1


async def test_a_payment_to_a_seller_who_has_not_arrived_waits_and_writes_to_nobody(
    service: NotificationsService, deliver: Deliver, told: Told
) -> None:
    with pytest.raises(NotYet):
        await deliver(tell_buyer_and_sellers, PAID)
    with pytest.raises(NotYet):
        await deliver(tell_of_cancellation, CANCELLED)

    assert await inbox(service, "bob") == []
    assert await told() == []


@pytest.mark.usefixtures("sellers")
async def test_a_cancellation_tells_the_buyer_of_the_money_and_the_sellers_not_to_send(
    service: NotificationsService, deliver: Deliver
) -> None:
    await deliver(tell_of_cancellation, CANCELLED, CANCELLED)

    (to_bob,) = await inbox(service, "bob")
    (to_sarah,) = await inbox(service, "sarah")
    assert to_bob.kind is NotificationKind.ORDER_CANCELLED
    assert "out of stock" in to_bob.body
    assert "€50.00" in to_bob.body
    assert to_sarah.kind is NotificationKind.SALE_CANCELLED
    assert "Ulysses" in to_sarah.body


async def test_a_refused_payment_is_told_to_the_buyer_alone(
    service: NotificationsService, deliver: Deliver, told: Told
) -> None:
    failed = OrderPaymentFailed(order_id=ORDER, customer_id="bob", number="B-1", reason="CARD_DECLINED")

    await deliver(tell_of_failed_payment, failed, failed)

    (message,) = await inbox(service, "bob")
    assert message.kind is NotificationKind.PAYMENT_FAILED
    assert "(card declined)" in message.body
    assert len(await told()) == 1


async def test_each_refund_of_an_order_is_told_once(service: NotificationsService, deliver: Deliver) -> None:
    def refund(amount: int) -> OrderRefunded:
        return OrderRefunded(order_id=ORDER, customer_id="bob", number="B-1", refund_id=uuid4(), amount=amount)

    first, second = refund(1250), refund(500)

    await deliver(tell_of_refund, first, second, first)

    assert [message.subject for message in await inbox(service, "bob")] == [
        "€5.00 of your order B-1 was refunded",
        "€12.50 of your order B-1 was refunded",
    ]


@pytest.mark.usefixtures("sellers")
async def test_a_listing_that_sells_out_again_is_told_again(service: NotificationsService, deliver: Deliver) -> None:
    listing_id = uuid4()

    def sold() -> BookSold:
        return BookSold(
            listing_id=listing_id,
            seller_id=SARAH,
            book_isbn="9780439023481",
            order_id=uuid4(),
            buyer_id="bob",
            sold_date=PAID_AT,
        )

    first, second = sold(), sold()
    await deliver(tell_of_sold_out_listing, first, first, second)

    messages = await inbox(service, "sarah")
    assert [message.kind for message in messages] == [NotificationKind.LISTING_SOLD_OUT] * 2
    assert [message.order_id for message in messages] == [None, None]


async def test_a_sold_out_listing_of_an_unknown_seller_waits(deliver: Deliver) -> None:
    event = BookSold(
        listing_id=uuid4(), seller_id=SARAH, book_isbn="1", order_id=ORDER, buyer_id="bob", sold_date=PAID_AT
    )

    with pytest.raises(NotYet):
        await deliver(tell_of_sold_out_listing, event)


async def test_the_newest_contact_of_a_seller_is_used(service: NotificationsService, deliver: Deliver) -> None:
    def update(version: int, name: str) -> SellerUpdated:
        return SellerUpdated(seller_id=SARAH, owner_id="sarah", display_name=name, version=version)

    await deliver(learn_seller, update(2, "New Name"), update(1, "Old Name"), update(2, "New Name"))
    await deliver(tell_buyer_and_sellers, PAID.model_copy(update={"order_items": (item(SARAH, "Dune"),)}))

    (message,) = await inbox(service, "sarah")
    assert "Hello New Name," in message.body


async def test_without_an_address_a_message_is_read_in_the_marketplace_alone(
    service: NotificationsService, deliver: Deliver
) -> None:
    await deliver(tell_of_failed_payment, OrderPaymentFailed(order_id=ORDER, customer_id="bob"))

    (message,) = await inbox(service, "bob")
    assert message.deliveries == (
        Delivery(channel=NotificationChannel.IN_APP, status=DeliveryStatus.SENT, at=message.created_at, reason=None),
    )
    assert message.status is NotificationStatus.SENT
    assert await service.deliver_due() == 0


async def test_who_wants_no_message_of_a_kind_gets_none_and_the_world_is_told_once(
    service: NotificationsService, deliver: Deliver, told: Told
) -> None:
    failed = OrderPaymentFailed(order_id=ORDER, customer_id="bob", customer_email="bob@example.org")
    for channel in NotificationChannel:
        await service.set_preference("bob", NotificationKind.PAYMENT_FAILED, channel, False)

    await deliver(tell_of_failed_payment, failed, failed)

    assert await inbox(service, "bob") == []
    assert await service.last_sequence("bob") == 0
    assert await service.deliver_due() == 0
    (skipped,) = await told()
    assert isinstance(skipped, NotificationSkipped)
    assert (skipped.recipient_id, skipped.order_id, skipped.sequence) == ("bob", ORDER, 0)
    assert await service.find("bob", [skipped.notification_id]) == {}


async def test_a_message_by_mail_alone_is_not_counted_among_those_shown(
    service: NotificationsService, deliver: Deliver, told: Told
) -> None:
    await service.set_preference("bob", NotificationKind.PAYMENT_FAILED, NotificationChannel.IN_APP, False)

    failed = OrderPaymentFailed(order_id=ORDER, customer_id="bob", customer_email="bob@example.org")
    refunded = OrderRefunded(order_id=ORDER, customer_id="bob", refund_id=uuid4(), amount=1)
    await deliver(tell_of_failed_payment, failed)
    await deliver(tell_of_refund, refunded)

    assert [(message.kind, message.sequence) for message in await inbox(service, "bob")] == [
        (NotificationKind.ORDER_REFUNDED, 1)
    ]
    by_mail = (await told())[0]
    assert isinstance(by_mail, NotificationCreated)
    assert by_mail.sequence == 0
    found = (await service.find("bob", [by_mail.notification_id]))[by_mail.notification_id]
    assert [delivery.channel for delivery in found.deliveries] == [NotificationChannel.MAIL]
    assert await service.unread_count("bob") == 1
