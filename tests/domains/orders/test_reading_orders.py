"""Reading orders: one's own, many at once, page by page."""

from dataclasses import replace

import pytest

from domains.orders import OrderPart, OrderStatus, Refused
from kernel.database import Observation
from kernel.ids import new_id
from kernel.pages import InvalidCursor, PageRequest, encode_cursor
from tests.domains.orders.shop import Shop


async def test_the_buyer_finds_the_order_by_id_and_by_number(shop: Shop) -> None:
    order = await shop.paid_order(buyer="alice")
    assert await shop.service.find_order("alice", id=order.id) == order
    assert await shop.service.find_order("alice", number=order.number) == order
    typed = order.number.lower().replace("-", " ")
    assert await shop.service.find_order("alice", number=typed) == order


async def test_somebody_elses_order_is_not_found(shop: Shop) -> None:
    order = await shop.paid_order(buyer="alice")
    assert await shop.service.find_order("mallory", id=order.id) is None
    assert await shop.service.find_order("mallory", number=order.number) is None


async def test_of_many_orders_everybody_finds_their_own(shop: Shop) -> None:
    own, other = await shop.paid_order(buyer="alice"), await shop.paid_order(buyer="carol")
    assert await shop.service.find_own_orders("alice", [own.id, other.id, new_id()]) == {own.id: own}
    assert await shop.service.find_own_orders("mallory", [own.id, other.id]) == {}


async def test_an_order_that_does_not_exist_is_not_found(shop: Shop) -> None:
    assert await shop.service.find_order("alice", id=new_id()) is None
    assert await shop.service.find_order("alice", number="B-0000-0000") is None
    assert await shop.service.find_order("alice", number="\x00 nonsense") is None
    assert await shop.service.find_order("alice") is None
    assert await shop.service.find_orders([]) == {}


async def test_a_hundred_orders_cost_as_many_statements_as_one(shop: Shop, observed: list[Observation]) -> None:
    orders = [await shop.paid_order(sellers=2) for _ in range(100)]
    counts = []
    for ids in ([orders[0].id], [order.id for order in orders]):
        observed.clear()
        found = await shop.service.find_orders([*ids, new_id()])
        assert list(found) != []
        assert set(found) == set(ids)
        counts.append(len(observed))
    assert counts == [3, 3]


async def test_orders_are_listed_newest_first_page_by_page(shop: Shop) -> None:
    placed = [(await shop.paid_order(buyer="alice")).id for _ in range(5)]
    await shop.paid_order(buyer="carol")
    seen, after, more = [], None, True
    while more:
        page = await shop.service.orders_of("alice", None, PageRequest(2, after))
        seen += [order.id for order in page.items]
        after, more = page.cursors[-1], page.has_next
    assert seen == placed[::-1]


async def test_orders_are_listed_by_their_status(shop: Shop) -> None:
    paid = await shop.paid_order(buyer="alice")
    await shop.put(shop.offer())
    shop.till.answer = Refused("DECLINED", "no")
    await shop.checkout()
    page = await shop.service.orders_of("alice", OrderStatus.PAID, PageRequest())
    assert [order.id for order in page.items] == [paid.id]
    assert not page.has_next
    assert (await shop.service.orders_of("alice", OrderStatus.EXPIRED, PageRequest())).items == []


@pytest.mark.parametrize("cursor", ["nonsense", encode_cursor("nonsense"), encode_cursor(None), encode_cursor("a", 1)])
async def test_a_cursor_of_another_list_is_refused(shop: Shop, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        await shop.service.orders_of("alice", None, PageRequest(2, cursor))


async def test_parts_that_nobody_asks_for_are_not_read(shop: Shop, observed: list[Observation]) -> None:
    order = await shop.paid_order(buyer="alice")
    observed.clear()
    bare = await shop.service.find_order("alice", id=order.id, parts=frozenset())
    assert bare == replace(order, lines=(), timeline=())
    with_lines = await shop.service.orders_of("alice", None, PageRequest(), frozenset({OrderPart.LINES}))
    assert with_lines.items == [replace(order, timeline=())]
    assert len(observed) == 1 + 3
