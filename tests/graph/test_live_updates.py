"""Subscriptions on the real marketplace: a snapshot first, then every change, with versions that only rise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from graph.nodes import encode_id
from tests.graph.market import Answer, Client, Market, fresh_isbn

ORDER = """subscription S($id: ID!) { orderUpdates(orderId: $id) {
  version isSnapshot change { event } order { id status settled timeline { event } } } }"""
STOCK = """subscription S($isbns: [ISBN!]!) { stockUpdates(isbns: $isbns) {
  isbn version isSnapshot stock { total sellers minPrice { amount } version } } }"""
MESSAGES = """subscription S($after: String) { notifications(after: $after) {
  version isSnapshot unread cursor notification { subject sequence order { number } } } }"""
SALES = """subscription { sales { version isSnapshot desk { statistics { booksSold revenue { amount } } } } }"""


async def updates(stream: AsyncIterator[Answer], until: Callable[[dict], bool]) -> list[dict]:
    """The updates up to the first that fulfils a condition."""
    found: list[dict] = []
    async with asyncio.timeout(20):
        async for answer in stream:
            assert not answer["errors"], answer["errors"]
            (update,) = answer["data"].values()
            found.append(update)
            if until(update):
                return found
    raise AssertionError(f"the subscription ended: {found}")


def any_update(_update: dict) -> bool:
    return True


async def refused(client: Client, document: str, **variables: object) -> str:
    async with client.subscribed(document, **variables) as stream:
        answer = await anext(stream)
        assert answer["data"] is None
        (error,) = answer["errors"]
        return error["extensions"]["code"]


async def test_an_order_is_followed_until_it_is_settled(market: Market) -> None:
    buyer = market.buyer()
    order = await buyer.buy(await market.offer())
    async with buyer.subscribed(ORDER, id=order["id"]) as stream:
        found = await updates(stream, lambda update: update["order"]["settled"])
    assert [update["isSnapshot"] for update in found] == [True] + [False] * (len(found) - 1)
    versions = [update["version"] for update in found]
    assert versions == sorted(set(versions))
    assert found[0]["change"] is None
    for update in found[1:]:
        assert update["change"] == update["order"]["timeline"][-1]


async def test_an_order_that_is_settled_already_is_told_by_its_snapshot(market: Market) -> None:
    buyer = market.buyer()
    order = await buyer.buy(await market.offer())
    async with buyer.subscribed(ORDER, id=order["id"]) as stream:
        settled = (await updates(stream, lambda update: update["order"]["settled"]))[-1]
    async with buyer.subscribed(ORDER, id=order["id"]) as stream:
        (snapshot,) = await updates(stream, any_update)
    assert (snapshot["isSnapshot"], snapshot["order"]["settled"]) == (True, True)
    assert snapshot["version"] >= settled["version"], "a mail that is sent later is one more version"


async def test_nobody_follows_somebody_elses_order(market: Market) -> None:
    order = await market.buyer().buy(await market.offer())
    assert await refused(market.buyer(), ORDER, id=order["id"]) == "NOT_FOUND"
    assert await refused(market.buyer(), ORDER, id="nonsense") == "NOT_FOUND"
    assert await refused(market.stranger(), ORDER, id=order["id"]) == "UNAUTHENTICATED"


async def test_all_orders_of_a_buyer_are_followed_at_once(market: Market) -> None:
    buyer = market.buyer()
    old = await buyer.buy(await market.offer())
    document = "subscription { myOrders { version isSnapshot order { id settled } } }"
    async with buyer.subscribed(document) as stream:
        assert (await updates(stream, any_update))[0]["order"]["id"] == old["id"]
        new = await buyer.buy(await market.offer())

        def settled(update: dict) -> bool:
            return update["order"] == {"id": new["id"], "settled": True}

        found = [update for update in await updates(stream, settled) if update["order"]["id"] == new["id"]]
    versions = [update["version"] for update in found]
    assert versions == sorted(set(versions))
    assert not any(update["isSnapshot"] for update in found)


async def test_stock_is_watched_by_everybody_and_falls_when_somebody_buys(market: Market) -> None:
    offer, never = await market.offer(copies=2), fresh_isbn()
    async with market.stranger().subscribed(STOCK, isbns=[offer.isbn, never, offer.isbn]) as stream:
        one = (await updates(stream, any_update))[0]
        none = (await updates(stream, any_update))[0]
        assert (one["isSnapshot"], one["isbn"], one["stock"]["total"]) == (True, offer.isbn, 2)
        assert (none["isSnapshot"], none["isbn"], none["version"]) == (True, never, 0)
        await market.buyer().buy(offer)
        found = await updates(stream, lambda update: update["stock"]["total"] == 1)
    assert not any(update["isSnapshot"] for update in found)
    versions = [one["version"], *(update["version"] for update in found)]
    assert versions == sorted(set(versions))


async def test_the_last_copy_leaves_nothing_and_no_price(market: Market) -> None:
    offer = await market.offer()
    async with market.stranger().subscribed(STOCK, isbns=[offer.isbn]) as stream:
        await updates(stream, any_update)
        await market.buyer().buy(offer)
        last = (await updates(stream, lambda update: update["stock"]["total"] == 0))[-1]
    assert (last["stock"]["sellers"], last["stock"]["minPrice"]) == (0, None)


async def test_watching_no_book_or_too_many_is_bad_input(market: Market) -> None:
    assert await refused(market.stranger(), STOCK, isbns=[]) == "BAD_USER_INPUT"
    assert await refused(market.stranger(), STOCK, isbns=[fresh_isbn() for _ in range(101)]) == "BAD_USER_INPUT"
    assert await refused(market.stranger(), STOCK, isbns=["9780306406158"]) == "BAD_USER_INPUT"


async def test_after_lost_news_the_last_state_is_pushed(market: Market) -> None:
    offer = await market.offer(copies=2)
    services = market.shop.services
    async with market.stranger().subscribed(STOCK, isbns=[offer.isbn]) as stream:
        snapshot = (await updates(stream, any_update))[0]
        services.hub.reread_all()
        await market.buyer().buy(offer)
        services.hub.reread_all()
        found = await updates(stream, lambda update: update["stock"]["total"] == 1)
    versions = [snapshot["version"], *(update["version"] for update in found)]
    assert versions == sorted(set(versions))


async def test_a_new_message_is_pushed_after_a_snapshot(market: Market) -> None:
    buyer = market.buyer()
    async with buyer.subscribed(MESSAGES) as stream:
        (snapshot,) = await updates(stream, any_update)
        assert (snapshot["isSnapshot"], snapshot["notification"], snapshot["unread"]) == (True, None, 0)
        order = await buyer.buy(await market.offer())
        (update,) = await updates(stream, any_update)
    assert (update["isSnapshot"], update["version"], update["unread"]) == (False, 1, 1)
    assert update["notification"]["order"] == {"number": order["number"]}


async def test_messages_missed_since_a_cursor_come_first_and_once(market: Market) -> None:
    buyer = market.buyer()
    async with buyer.subscribed(MESSAGES) as stream:
        start = (await updates(stream, any_update))[0]["cursor"]
        for _ in range(3):
            await buyer.buy(await market.offer())
        await updates(stream, lambda update: update["version"] == 3)
    async with buyer.subscribed(MESSAGES, after=start) as stream:
        missed = await updates(stream, lambda update: update["version"] == 3)
        assert [(update["version"], update["isSnapshot"]) for update in missed] == [(1, True), (2, True), (3, True)]
        await buyer.buy(await market.offer())
        (new,) = await updates(stream, any_update)
    assert (new["version"], new["isSnapshot"]) == (4, False)
    async with buyer.subscribed(MESSAGES, after=new["cursor"]) as stream:
        (nothing_missed,) = await updates(stream, any_update)
    assert (nothing_missed["notification"], nothing_missed["version"]) == (None, 4)


async def test_a_cursor_that_is_none_is_bad_input(market: Market) -> None:
    assert await refused(market.buyer(), MESSAGES, after="nonsense") == "BAD_USER_INPUT"
    assert await refused(market.stranger(), MESSAGES) == "UNAUTHENTICATED"


async def test_a_seller_watches_the_desk(market: Market) -> None:
    seller = await market.seller()
    offer = await market.offer(seller=seller, price="12.50")
    async with seller.subscribed(SALES) as stream:
        (snapshot,) = await updates(stream, any_update)
        assert (snapshot["isSnapshot"], snapshot["desk"]["statistics"]["booksSold"]) == (True, 0)
        await market.buyer().buy(offer)
        update = (await updates(stream, lambda update: update["desk"]["statistics"]["booksSold"] == 1))[-1]
    assert update["version"] > snapshot["version"]
    assert update["desk"]["statistics"]["revenue"] == {"amount": "12.50"}


async def test_only_registered_sellers_have_a_desk_to_watch(market: Market) -> None:
    assert await refused(market.buyer(), SALES) == "FORBIDDEN"
    assert await refused(market.applicant(), SALES) == "NOT_FOUND"


async def test_whoever_leaves_is_not_watched_for_any_more(market: Market) -> None:
    isbn = fresh_isbn()
    hub = market.shop.services.hub
    async with market.stranger().subscribed(STOCK, isbns=[isbn]) as stream:
        await updates(stream, any_update)
        assert f"book:{isbn}" in hub.watched()
    assert f"book:{isbn}" not in hub.watched()


async def test_an_unknown_order_id_of_the_right_form_is_not_found(market: Market) -> None:
    unknown = encode_id("Order", "01900000-0000-7000-8000-000000000000")
    assert await refused(market.buyer(), ORDER, id=unknown) == "NOT_FOUND"
