"""Deliveries to the sellers' database, shuffled and repeated: the same books in the end."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domains.sellers import RegisterSeller, Seller, SellersService
from domains.sellers.handlers import note_deduction, record_sales, reduce_sales, reverse_sales
from kernel.database import Database
from kernel.pages import PageRequest
from messaging import outbox
from messaging.consumer import Handler
from messaging.event import Event
from messaging.events import (
    DeductedLine,
    OrderCancelled,
    OrderItem,
    OrderPaid,
    OrderRefunded,
    RefundedLine,
    StockDeducted,
)
from tests.databases import Databases, opened

PAID_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Delivery(NamedTuple):
    """An event and the handler that it is for."""

    handler: Handler
    event: Event


@pytest.fixture(scope="module")
async def database(databases: Databases) -> AsyncIterator[Database]:
    async with opened(await databases.new("sellers"), "sellers") as database:
        yield database


def deliveries_of_an_order(seller_id: UUID) -> list[Delivery]:
    """Paid, deducted to the last copy, refunded twice and cancelled."""
    order_id, listing_id = uuid4(), uuid4()
    items = tuple(
        OrderItem(
            order_item_id=uuid4(),
            book_isbn="9780439023481",
            seller_id=seller_id,
            quantity=quantity,
            unit_price=700,
            listing_id=listing_id,
        )
        for quantity in (1, 3)
    )
    line = RefundedLine(
        order_item_id=items[1].order_item_id, listing_id=listing_id, seller_id=seller_id, quantity=1, amount=650
    )
    gone = DeductedLine(listing_id=listing_id, quantity=4, remaining_on_hand=0)
    return [
        Delivery(
            record_sales,
            OrderPaid(order_id=order_id, customer_id="bob", total_amount=2800, paid_date=PAID_AT, order_items=items),
        ),
        Delivery(note_deduction, StockDeducted(order_id=order_id, lines=(gone,))),
        *(
            Delivery(
                reduce_sales,
                OrderRefunded(order_id=order_id, customer_id="bob", refund_id=uuid4(), amount=650, lines=(line,)),
            )
            for _ in range(2)
        ),
        Delivery(
            reverse_sales,
            OrderCancelled(order_id=order_id, customer_id="bob", order_items=items, refund_amount=1500),
        ),
    ]


async def outcome(database: Database, steps: list[Delivery], seller_id: UUID) -> tuple:
    """The seller's statistics and sales after these deliveries; versions count steps, so they are left out."""
    for handler, event in steps:
        await database.transact(lambda tx, handler=handler, event=event: handler(tx, event))
    service = SellersService(database, currency="EUR")
    seller = (await service.find_sellers([seller_id]))[seller_id]
    sales = (await service.sales_of(seller_id, PageRequest())).items
    return replace(seller, version=0), sales


async def new_seller(database: Database) -> Seller:
    name = str(uuid4())
    command = RegisterSeller(owner_id=name, issuer="here", email=None, display_name=name)
    seller = await SellersService(database, currency="EUR").register(command)
    assert isinstance(seller, Seller)
    return seller


@settings(max_examples=60)
@given(
    which=st.sets(st.integers(0, 4), min_size=1),
    data=st.data(),
)
async def test_any_order_and_number_of_deliveries_gives_the_same_books(
    database: Database, which: set[int], data: st.DataObject
) -> None:
    seller, twin = await new_seller(database), await new_seller(database)
    straight = [step for n, step in enumerate(deliveries_of_an_order(seller.id)) if n in which]
    its_own = [step for n, step in enumerate(deliveries_of_an_order(twin.id)) if n in which]
    shuffled = data.draw(st.permutations(its_own + data.draw(st.lists(st.sampled_from(its_own), max_size=5))))

    (expected, expected_sales) = await outcome(database, straight, seller.id)
    (found, found_sales) = await outcome(database, shuffled, twin.id)

    assert (found.books_sold, found.revenue) == (expected.books_sold, expected.revenue)
    assert [(s.amount, s.quantity, s.reversed) for s in sorted(found_sales, key=lambda s: s.quantity)] == [
        (s.amount, s.quantity, s.reversed) for s in sorted(expected_sales, key=lambda s: s.quantity)
    ]


@settings(max_examples=40)
@given(data=st.data())
async def test_what_the_world_is_told_of_an_order_is_told_once(database: Database, data: st.DataObject) -> None:
    seller = await new_seller(database)
    steps = deliveries_of_an_order(seller.id)
    shuffled = data.draw(st.permutations(steps * 2))
    before = {message.id for message in await outbox.pending(database.read())}

    await outcome(database, shuffled, seller.id)

    messages = [m for m in await outbox.pending(database.read()) if m.id not in before]
    told = Counter(message.name for message in messages)
    assert told["SaleReversed"] == 2
    assert told["SaleRecorded"] in (0, 2)
    assert told["BookSold"] <= 1
    assert len({(message.name, message.body) for message in messages}) == len(messages)
