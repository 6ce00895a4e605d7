"""Carts: what goes in, what is refused, and what is shown beside it."""

import asyncio

import pytest

from domains.orders import AddToCart, Cart, OfferGone, OutOfStock, OwnBook, PriceChanged, SetCartLine
from kernel.errors import InvalidField
from kernel.ids import new_id
from tests.domains.orders.shop import ISBN, TITLE, Shop, euros


def quantities(cart: object) -> list[int]:
    """The quantities of a cart's lines."""
    assert isinstance(cart, Cart), cart
    return [line.quantity for line in cart.lines]


async def test_nobody_has_had_a_cart_yet_and_it_is_empty(shop: Shop) -> None:
    assert await shop.service.cart_of("alice") == Cart("alice", 0, (), euros(0))


async def test_a_line_shows_the_book_and_the_offer_as_they_are(shop: Shop) -> None:
    offer = shop.offer(copies=5, price=1250)
    cart = await shop.put(offer, quantity=2)
    (line,) = cart.lines
    assert (line.listing_id, line.isbn, line.title) == (offer.listing_id, ISBN, TITLE)
    assert (line.unit_price, line.price, line.available) == (euros(1250), euros(1250), 5)
    assert (cart.total, cart.version, cart.problems) == (euros(2500), 1, ())


async def test_adding_the_same_offer_sums(shop: Shop) -> None:
    offer = shop.offer()
    await shop.put(offer, quantity=2)
    assert quantities(await shop.put(offer, quantity=3)) == [5]


async def test_copies_added_at_once_are_all_there(shop: Shop) -> None:
    offer = shop.offer(copies=99)
    await asyncio.gather(*(shop.put(offer) for _ in range(50)))
    cart = await shop.service.cart_of("alice")
    assert (quantities(cart), cart.version) == ([50], 50)


@pytest.mark.parametrize("quantity", [0, -1, 100, 10**9])
async def test_a_quantity_that_cannot_be_is_refused(shop: Shop, quantity: int) -> None:
    command = AddToCart(buyer_id="alice", listing_id=shop.offer().listing_id, quantity=quantity)
    problems = await shop.service.add_to_cart(command)
    reason = "The quantity is not between 1 and 99."
    assert problems == (InvalidField(path=("input", "quantity"), reason=reason),)
    assert (await shop.service.cart_of("alice")).lines == ()


async def test_a_sum_of_more_than_99_copies_is_refused_and_the_line_stays(shop: Shop) -> None:
    offer = shop.offer()
    await shop.put(offer, quantity=60)
    problems = await shop.service.add_to_cart(AddToCart(buyer_id="alice", listing_id=offer.listing_id, quantity=40))
    assert isinstance(problems, tuple)
    assert [problem.path for problem in problems] == [("input", "quantity")]
    assert quantities(await shop.service.cart_of("alice")) == [60]


async def test_a_cart_has_no_more_than_100_lines(shop: Shop) -> None:
    offers = [shop.offer() for _ in range(100)]
    for offer in offers:
        await shop.put(offer)
    problems = await shop.service.add_to_cart(
        AddToCart(buyer_id="alice", listing_id=shop.offer().listing_id, quantity=1)
    )
    assert problems == (InvalidField(path=("input", "offerId"), reason="A cart has no more than 100 lines."),)
    assert sum(quantities(await shop.put(offers[0]))) == 101


async def test_all_that_is_wrong_with_an_addition_is_told_at_once(shop: Shop) -> None:
    own = shop.offer(owner="alice")
    problems = await shop.service.add_to_cart(AddToCart(buyer_id="alice", listing_id=own.listing_id, quantity=0))
    assert isinstance(problems, tuple)
    assert [type(problem) for problem in problems] == [InvalidField, OwnBook]
    assert problems[1].path == ("input", "offerId")


async def test_an_offer_that_is_unknown_or_withdrawn_cannot_be_added(shop: Shop) -> None:
    withdrawn = shop.offer()
    shop.shelves.change(withdrawn.listing_id, withdrawn=True)
    for listing_id in (withdrawn.listing_id, new_id()):
        problems = await shop.service.add_to_cart(AddToCart(buyer_id="alice", listing_id=listing_id, quantity=1))
        assert problems == (OfferGone(path=("input", "offerId"), listing_id=listing_id),)


async def test_a_line_is_set_changed_and_taken_out(shop: Shop) -> None:
    offer = shop.offer()

    async def set_to(quantity: int) -> object:
        command = SetCartLine(buyer_id="alice", listing_id=offer.listing_id, quantity=quantity)
        return await shop.service.set_cart_line(command)

    assert quantities(await set_to(3)) == [3]
    assert quantities(await set_to(1)) == [1]
    assert isinstance(await set_to(-1), tuple)
    assert isinstance(await set_to(100), tuple)
    assert quantities(await set_to(0)) == []
    assert quantities(await set_to(0)) == []


async def test_a_gone_offer_can_be_taken_out(shop: Shop) -> None:
    offer = shop.offer()
    await shop.put(offer)
    del shop.shelves.offers[offer.listing_id]
    (line,) = (await shop.service.cart_of("alice")).lines
    assert (line.available, line.price) == (0, None)
    command = SetCartLine(buyer_id="alice", listing_id=offer.listing_id, quantity=0)
    assert quantities(await shop.service.set_cart_line(command)) == []


async def test_a_cart_shows_what_stands_in_its_way(shop: Shop) -> None:
    short, dear = shop.offer(copies=1), shop.offer(price=1000)
    await shop.put(short, quantity=2)
    await shop.put(dear)
    shop.shelves.change(dear.listing_id, price=euros(900))
    cart = await shop.service.cart_of("alice")
    assert cart.problems == (
        OutOfStock(listing_id=short.listing_id, wanted=2, available=1),
        PriceChanged(listing_id=dear.listing_id, seen=euros(1000), current=euros(900)),
    )


async def test_a_cart_is_cleared_and_others_keep_theirs(shop: Shop) -> None:
    offer = shop.offer()
    await shop.put(offer, buyer="alice")
    await shop.put(offer, buyer="carol")
    cleared = await shop.service.clear_cart("alice")
    assert (cleared.lines, cleared.version) == ((), 2)
    assert (await shop.service.clear_cart("alice")).version == 2
    assert quantities(await shop.service.cart_of("carol")) == [1]


async def test_lines_stay_in_the_order_they_were_added(shop: Shop) -> None:
    offers = [shop.offer() for _ in range(5)]
    for offer in offers:
        await shop.put(offer)
    cart = await shop.put(offers[0])
    assert [line.listing_id for line in cart.lines] == [offer.listing_id for offer in offers]
    await shop.service.set_cart_line(SetCartLine(buyer_id="alice", listing_id=offers[1].listing_id, quantity=0))
    cart = await shop.put(offers[1])
    assert cart.lines[-1].listing_id == offers[1].listing_id
