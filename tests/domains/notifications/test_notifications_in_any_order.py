"""Deliveries to the notifications' database, shuffled and repeated: everybody is written to once in the end."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mail import EmlFiles
from domains.notifications import NotificationsService
from domains.notifications.handlers import (
    learn_seller,
    tell_buyer_and_sellers,
    tell_of_cancellation,
    tell_of_refund,
    tell_of_sold_out_listing,
)
from kernel.database import Database
from messaging import outbox
from messaging.consumer import Handler, NotYet
from messaging.event import Event
from messaging.events import (
    BookSold,
    OrderCancelled,
    OrderItem,
    OrderPaid,
    OrderRefunded,
    SellerRegistered,
    SellerUpdated,
)
from tests.databases import Databases, opened

PAID_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Delivery(NamedTuple):
    """An event and the handler that it is for."""

    handler: Handler
    event: Event


@pytest.fixture(scope="module")
async def database(databases: Databases) -> AsyncIterator[Database]:
    async with opened(await databases.new("notifications"), "notifications") as database:
        yield database


def deliveries_of_an_order(buyer: str, owner: str) -> list[Delivery]:
    """A seller who changes the name, and an order that is paid, sold out, refunded twice and cancelled."""
    order_id, seller_id, listing_id = uuid4(), uuid4(), uuid4()
    item = OrderItem(
        order_item_id=uuid4(),
        book_isbn="9780439023481",
        seller_id=seller_id,
        quantity=1,
        unit_price=700,
        listing_id=listing_id,
    )
    seller = {"seller_id": seller_id, "owner_id": owner, "email": "seller@example.org"}
    order = {"order_id": order_id, "customer_id": buyer, "customer_email": "buyer@example.org", "number": "B-1"}
    return [
        Delivery(learn_seller, SellerRegistered(**seller, display_name="Old", version=1)),
        Delivery(learn_seller, SellerUpdated(**seller, display_name="New", version=2)),
        Delivery(tell_buyer_and_sellers, OrderPaid(**order, total_amount=700, paid_date=PAID_AT, order_items=(item,))),
        Delivery(tell_of_cancellation, OrderCancelled(**order, order_items=(item,), refund_amount=700)),
        Delivery(tell_of_refund, OrderRefunded(**order, refund_id=uuid4(), amount=300)),
        Delivery(tell_of_refund, OrderRefunded(**order, refund_id=uuid4(), amount=400)),
        Delivery(
            tell_of_sold_out_listing,
            BookSold(
                listing_id=listing_id,
                seller_id=seller_id,
                book_isbn="9780439023481",
                order_id=order_id,
                buyer_id=buyer,
                sold_date=PAID_AT,
            ),
        ),
    ]


async def deliver_until_done(database: Database, steps: list[Delivery]) -> None:
    """As a consumer does: what came too early comes again."""
    while steps:
        early = []
        for step in steps:
            try:
                await database.transact(lambda tx, step=step: step.handler(tx, step.event))
            except NotYet:
                early.append(step)
        assert len(early) < len(steps)
        steps = early


@settings(max_examples=50)
@given(data=st.data())
async def test_any_order_and_number_of_deliveries_writes_to_everybody_once(
    database: Database, data: st.DataObject
) -> None:
    buyer, owner = f"buyer-{uuid4()}", f"owner-{uuid4()}"
    steps = deliveries_of_an_order(buyer, owner)
    shuffled = data.draw(st.permutations(steps + data.draw(st.lists(st.sampled_from(steps), max_size=7))))
    before = {message.id for message in await outbox.pending(database.read())}

    await deliver_until_done(database, shuffled)

    service = NotificationsService(database, EmlFiles(Path()), sender="shop@bookstall.example")
    to_buyer, to_owner = [await service.after(recipient, 0, 100) for recipient in (buyer, owner)]
    assert sorted(message.subject for message in to_buyer) == [
        "Your order B-1 is cancelled",
        "Your order B-1 is paid",
        "€3.00 of your order B-1 was refunded",
        "€4.00 of your order B-1 was refunded",
    ]
    assert sorted(message.subject for message in to_owner) == [
        "You sold 1 copy in order B-1",
        "Your last copy of ISBN 9780439023481 is sold",
        "Your sale in order B-1 is cancelled",
    ]
    assert [message.sequence for message in to_buyer] == [1, 2, 3, 4]
    assert [message.sequence for message in to_owner] == [1, 2, 3]
    told = [message.name for message in await outbox.pending(database.read()) if message.id not in before]
    assert told == ["NotificationCreated"] * 7
