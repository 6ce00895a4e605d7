"""A purchase from the search to the settled order, and what everybody sees of it."""

from __future__ import annotations

import secrets
from collections import Counter

from tests import documents
from tests.builders import ADDRESS, Shop


async def test_a_buyer_finds_a_book_and_buys_it(shop: Shop) -> None:
    word = f"quux{secrets.token_hex(4)}"
    offer = await shop.offer(copies=3, price="7.40", isbn=await shop.book(f"The {word} Letters"))
    buyer = shop.buyer()

    [found] = (await buyer.ask(documents.SEARCH, words=word.upper(), filter={"available": True}))["nodes"]
    cart = await buyer.ask(documents.ADD_TO_CART, input={"offerId": found["offers"]["nodes"][0]["id"], "quantity": 2})
    assert (cart["total"]["amount"], cart["problems"]) == ("14.80", [])
    outcome = await buyer.checks_out(amount="14.80")

    order = outcome["order"]
    assert (outcome["__typename"], outcome["replayed"]) == ("CheckoutCompleted", False)
    assert (order["status"], order["paymentStatus"], order["actions"]) == ("PAID", "CAPTURED", ["CANCEL"])
    assert order["total"] == {"amount": "14.80", "currency": "EUR", "minorUnits": 1480}
    assert order["deliveryAddress"] == ADDRESS | {"line2": None, "region": None}
    [line] = order["lines"]
    assert (line["isbn"], line["title"], line["quantity"]) == (offer.isbn, f"The {word} Letters", 2)
    assert (await buyer.cart())["lines"] == []
    assert shop.traces.charged([order]) == [1480]


async def test_an_order_is_followed_until_everybody_has_done_their_part(shop: Shop) -> None:
    attic, cellar = await shop.seller(), await shop.seller()
    buyer = shop.buyer()
    outcome = await buyer.buys(await shop.offer(seller=attic), await shop.offer(seller=cellar, copies=2))

    async with buyer.live() as live:
        updates = live.follow(documents.ORDER_UPDATES, orderId=outcome["order"]["id"])
        settled = await updates.until(lambda update: update["order"]["settled"])

    assert updates.seen[0]["isSnapshot"]
    assert updates.versions == sorted(set(updates.versions))
    assert settled["version"] == settled["order"]["version"]
    steps = Counter((entry["domain"], entry["event"]) for entry in settled["order"]["timeline"])
    steps.pop(("notifications", "NotificationSent"), None)  # nobody waits for the mail
    assert steps == {
        ("orders", "OrderPlaced"): 1,
        ("orders", "OrderPaid"): 1,
        ("inventory", "StockDeducted"): 1,
        ("sellers", "SaleRecorded"): 2,
        ("notifications", "NotificationCreated"): 3,
    }


async def test_the_timeline_goes_on_until_every_mail_is_sent(shop: Shop) -> None:
    buyer = shop.buyer()
    outcome = await buyer.buys(await shop.offer(copies=2))

    async with buyer.live() as live:
        updates = live.follow(documents.ORDER_UPDATES, orderId=outcome["order"]["id"])
        # Nobody waits for the mails, and they wait for nobody: they may come before the order is settled or after.
        complete = await updates.until(lambda update: _mails_sent(update) == 2 and update["order"]["settled"])

    timeline = complete["order"]["timeline"]
    assert [entry["at"] for entry in timeline] == sorted(entry["at"] for entry in timeline)


async def test_watchers_see_the_stock_before_and_after(shop: Shop) -> None:
    offer = await shop.offer(copies=5, price="9.00")
    async with shop.buyer().live() as live:
        stock = await live.watch(documents.STOCK_UPDATES, isbns=[offer.isbn])
        await shop.buyer().buys(offer, copies=2)
        after = await stock.until(lambda update: update["stock"]["total"] == 3)

    assert stock.seen[0]["stock"]["total"] == 5
    assert after["stock"]["minPrice"]["amount"] == after["stock"]["averagePrice"]["amount"] == "9.00"
    assert stock.versions == sorted(set(stock.versions))


async def test_the_catalogue_follows_what_was_sold(shop: Shop) -> None:
    offer = await shop.offer(copies=2, price="9.00")
    await shop.offer(copies=1, price="4.00", isbn=offer.isbn)
    assert (await offer.book())["stock"]["averagePrice"]["amount"] == "6.50"

    await shop.buyer().buys(offer, copies=2)

    async def shows_one_offer() -> bool:
        book = await offer.book()
        return [(shown["price"]["amount"], shown["available"]) for shown in book["offers"]["nodes"]] == [("4.00", 1)]

    await shop.eventually(shows_one_offer)
    stock = (await offer.book())["stock"]
    assert (stock["total"], stock["sellers"], stock["maxPrice"]["amount"]) == (1, 1, "4.00")


async def test_a_buyer_and_two_sellers_are_told_once_each(shop: Shop) -> None:
    attic, cellar = await shop.seller(), await shop.seller()
    offers = [await shop.offer(seller=seller, copies=9) for seller in (attic, attic, cellar)]
    buyer = shop.buyer()
    order = await buyer.settled(await buyer.buys(*offers))

    for person, kind in ((buyer, "ORDER_PAID"), (attic, "COPY_SOLD"), (cellar, "COPY_SOLD")):
        [message] = await person.messages()
        assert message["kind"] == kind
        assert order["number"] in message["subject"]
    [to_attic] = await attic.messages()
    assert to_attic["subject"].startswith("You sold 2 copies")
    assert to_attic["order"] is None, "the order is the buyer's alone"


async def test_buyer_and_seller_get_one_mail_each(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=2, price="3.20"), shop.buyer()
    order = await buyer.settled(await buyer.buys(offer))

    async def mailed() -> bool:
        return all(shop.traces.mails_to(person.email) for person in (buyer, offer.seller))

    await shop.eventually(mailed)
    [to_buyer], [to_seller] = shop.traces.mails_to(buyer.email), shop.traces.mails_to(offer.seller.email)
    assert to_buyer["Subject"] == f"Your order {order['number']} is paid"
    assert "€3.20" in to_buyer.get_content()
    assert f"order {order['number']}" in to_seller["Subject"]


async def test_a_sale_enters_the_seller_s_books(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=5, price="2.50"), shop.buyer()
    async with offer.seller.live() as live:
        desk = await live.watch(documents.SALES)
        await buyer.buys(offer, copies=3)
        updated = await desk.until(lambda update: update["desk"]["statistics"]["booksSold"] == 3)

    assert updated["desk"]["statistics"]["revenue"]["amount"] == "7.50"
    assert desk.versions == sorted(set(desk.versions))
    [sale] = (await offer.seller.desk())["sales"]["nodes"]
    assert (sale["isbn"], sale["quantity"], sale["amount"]["amount"]) == (offer.isbn, 3, "7.50")
    assert (sale["reversed"], sale["listing"]["id"]) == (False, offer.listing_id)


async def test_a_seller_hears_when_the_last_copy_is_sold(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=2), shop.buyer()
    await buyer.settled(await buyer.buys(offer, copies=2))

    async def sold_out() -> bool:
        return [message["kind"] for message in await offer.seller.messages()] == ["LISTING_SOLD_OUT", "COPY_SOLD"]

    await shop.eventually(sold_out)
    await shop.eventually(offer.sold_out)
    stock = (await offer.book())["stock"]
    assert (stock["minPrice"], stock["maxPrice"], stock["averagePrice"]) == (None, None, None)
    assert (await offer.book())["offers"]["nodes"] == []
    assert len(await shop.traces.events("sellers", "BookSold", BookISBN=offer.isbn)) == 1
    assert (await offer.listing())["onHand"] == 0


async def test_the_same_checkout_again_is_the_same_order(shop: Shop) -> None:
    offer, buyer, key = await shop.offer(copies=5), shop.buyer(), secrets.token_hex(8)
    await buyer.adds(offer)
    first = await buyer.checks_out(key=key)
    again = await buyer.checks_out(key=f" {key} ", amount="12.50")

    assert (first["replayed"], again["replayed"]) == (False, True)
    assert again["order"]["id"] == first["order"]["id"]
    assert await shop.traces.orders_of(buyer.name) == ["PAID"]
    assert shop.traces.charged([first["order"]]) == [1250]


async def test_a_key_belongs_to_one_request_of_one_buyer(shop: Shop) -> None:
    offer, buyer, key = await shop.offer(copies=5), shop.buyer(), secrets.token_hex(8)
    await buyer.adds(offer)
    await buyer.checks_out(key=key)
    await buyer.adds(offer, 2)
    reused = await buyer.checks_out(key=key, amount="25.00")

    assert (reused["code"], reused["path"]) == ("IDEMPOTENCY_KEY_REUSED", ["input", "idempotencyKey"])
    assert await shop.traces.orders_of(buyer.name) == ["PAID"]
    assert [line["quantity"] for line in (await buyer.cart())["lines"]] == [2]
    neighbour = shop.buyer()
    await neighbour.adds(offer)
    assert (await neighbour.checks_out(key=key))["__typename"] == "CheckoutCompleted"


async def test_a_lost_answer_is_recovered_by_its_key(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=5), shop.buyer()
    await buyer.adds(offer)
    paid = await buyer.checks_out(key="paid-one")
    await buyer.adds(offer)
    refused = await buyer.checks_out(key="refused-one", method="card-declined")

    recovered = await buyer.ask(documents.CHECKOUT_ATTEMPT, key="paid-one")
    assert (recovered["__typename"], recovered["order"]["id"]) == ("CheckoutCompleted", paid["order"]["id"])
    recovered = await buyer.ask(documents.CHECKOUT_ATTEMPT, key="refused-one")
    assert recovered["problems"] == refused["problems"]
    assert await buyer.ask(documents.CHECKOUT_ATTEMPT, key="never-sent") is None
    assert await shop.buyer().ask(documents.CHECKOUT_ATTEMPT, key="paid-one") is None


async def test_an_order_is_found_by_its_id_and_by_its_number_however_typed(shop: Shop) -> None:
    buyer = shop.buyer()
    order = (await buyer.buys(await shop.offer()))["order"]
    typed = order["number"].replace("-", " ").lower()

    assert (await buyer.order(id=order["id"]))["number"] == order["number"]
    assert (await buyer.order(number=typed))["id"] == order["id"]
    assert (await buyer.ask(documents.NODE, id=order["id"])) == {"__typename": "Order", "id": order["id"]}
    assert await buyer.order(number="B-0000-0000") is None
    assert await buyer.order(number="no number") is None


async def test_a_buyer_pages_through_orders_newest_first(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=9), shop.buyer()
    bought = [(await buyer.buys(offer))["order"]["id"] for _ in range(3)]
    await buyer.buys(offer, method="card-declined")

    first = (await buyer.ask(documents.ORDERS, status="PAID", first=2))["orders"]
    rest = (await buyer.ask(documents.ORDERS, status="PAID", first=2, after=first["pageInfo"]["endCursor"]))["orders"]

    assert [order["id"] for order in first["nodes"] + rest["nodes"]] == bought[::-1]
    assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)
    every = (await buyer.ask(documents.ORDERS))["orders"]["nodes"]
    assert [order["status"] for order in every] == ["PAYMENT_FAILED", "PAID", "PAID", "PAID"]


async def test_a_cart_is_filled_changed_and_cleared(shop: Shop) -> None:
    offer, other, buyer = await shop.offer(copies=5, price="2.00"), await shop.offer(price="1.50"), shop.buyer()
    await buyer.adds(offer, 2)
    await buyer.adds(other)
    cart = await buyer.sets(offer, 3)
    assert [(line["offerId"], line["quantity"]) for line in cart["lines"]] == [(offer.id, 3), (other.id, 1)]
    assert cart["total"]["amount"] == "7.50"

    cart = await buyer.sets(offer, 0)
    assert [line["offerId"] for line in cart["lines"]] == [other.id]
    cleared = await buyer.ask(documents.CLEAR_CART)
    assert cleared["lines"] == []
    assert cleared["version"] > cart["version"]
    assert (await shop.buyer().cart())["lines"] == []


async def test_a_purchase_publishes_what_others_were_promised(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=2, price="12.50"), shop.buyer()
    order = await buyer.settled(await buyer.buys(offer))

    for name in ("OrderCreated", "OrderPaid"):
        [event] = await shop.traces.events("orders", name, CustomerId=buyer.name)
        assert (event["TotalAmount"], event["Currency"], event["Number"]) == (12.5, "EUR", order["number"])
        [item] = event["OrderItems"]
        assert (item["BookISBN"], item["Quantity"], item["UnitPrice"]) == (offer.isbn, 1, 12.5)


def _mails_sent(update: dict) -> int:
    timeline = update["order"]["timeline"]
    return sum(1 for entry in timeline if entry["event"] == "NotificationSent" and "MAIL" in entry["detail"])
