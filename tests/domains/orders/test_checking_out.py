"""A checkout from cart to paid order, and what it answers when it cannot be."""

import asyncio
from dataclasses import replace

import pytest

from domains.orders import (
    AddressParts,
    AmountMismatch,
    Captured,
    CartEmpty,
    CheckoutCompleted,
    CheckoutPending,
    CheckoutRejected,
    IdempotencyKeyReused,
    OfferGone,
    OrderAction,
    OrderStatus,
    OutOfStock,
    OwnBook,
    PaymentDeclined,
    PaymentStatus,
    PriceChanged,
    Refused,
    Unknown,
)
from kernel.books import Grade
from kernel.errors import InvalidField, UnsupportedCurrency
from kernel.money import Money
from messaging.events import OrderCreated, OrderPaid, OrderPaymentFailed, OrderUpdated
from tests.domains.orders.shop import ADDRESS, ISBN, TITLE, Shop, euros


async def test_a_cart_becomes_a_paid_order(shop: Shop) -> None:
    offer = shop.offer(price=1250)
    await shop.put(offer, quantity=2)
    outcome = await shop.checkout()
    assert isinstance(outcome, CheckoutCompleted)
    order = outcome.order
    assert not outcome.replayed
    assert (order.status, order.payment_status, order.total) == (OrderStatus.PAID, PaymentStatus.CAPTURED, euros(2500))
    assert order.paid_at is not None
    assert order.paid_at >= order.placed_at
    assert not order.settled
    assert order.refunded == euros(0)
    assert (order.address.city, order.address.line2) == ("London", None)
    (line,) = order.lines
    assert (line.isbn, line.title, line.quantity, line.unit_price) == (ISBN, TITLE, 2, euros(1250))
    assert (line.listing_id, line.seller_owner_id, line.grade) == (offer.listing_id, "bob", Grade.GOOD)
    assert [entry.event for entry in order.timeline] == ["OrderPlaced", "OrderPaid"]
    assert shop.till.kept == [order.id]
    assert (await shop.service.cart_of("alice")).lines == ()


async def test_a_paid_order_is_told_to_the_world_once(shop: Shop) -> None:
    order = await shop.paid_order(buyer="alice", sellers=2)
    (created,) = await shop.told(OrderCreated)
    (paid,) = await shop.told(OrderPaid)
    (updated,) = await shop.told(OrderUpdated)
    assert created.order_id == paid.order_id == updated.order_id == order.id
    assert paid.total_amount == order.total.minor
    assert paid.customer_email == "alice@example.org"
    assert [item.order_item_id for item in paid.order_items] == [line.id for line in order.lines]
    assert (updated.version, updated.status, updated.settled) == (order.version, "PAID", False)
    assert set(updated.seller_ids) == {line.seller_id for line in order.lines}
    assert updated.entry is not None
    assert updated.entry.event == "OrderPaid"


async def test_the_hold_is_renewed_before_the_charge(shop: Shop) -> None:
    order = await shop.paid_order()
    assert shop.shelves.renewed == {order.id: 7200}


async def test_only_what_was_ordered_leaves_the_cart(shop: Shop) -> None:
    """While the money is on its way another copy and another book go into the cart."""
    offer, other = shop.offer(), shop.offer()
    await shop.put(offer, quantity=2)
    shop.till.gate = asyncio.Event()
    running = asyncio.ensure_future(shop.checkout())
    await shop.till.asked.wait()
    await shop.put(offer, quantity=1)
    await shop.put(other)
    shop.till.gate.set()
    assert isinstance(await running, CheckoutCompleted)
    left = (await shop.service.cart_of("alice")).lines
    assert [(line.listing_id, line.quantity) for line in left] == [(offer.listing_id, 1), (other.listing_id, 1)]


async def test_all_problems_are_told_at_once_and_leave_nothing(shop: Shop) -> None:
    short, dear, gone, own = (shop.offer() for _ in range(4))
    await shop.put(short, quantity=3)
    for offer in (dear, gone, own):
        await shop.put(offer)
    shop.shelves.change(short.listing_id, available=1)
    shop.shelves.change(dear.listing_id, price=euros(9900))
    shop.shelves.change(gone.listing_id, withdrawn=True)
    shop.shelves.change(own.listing_id, owner_id="alice")
    outcome = await shop.checkout(amount=euros(1), address=replace(ADDRESS, city=" ", country="XX"))
    assert isinstance(outcome, CheckoutRejected)
    assert outcome.order is None
    kinds = {type(problem) for problem in outcome.problems}
    assert kinds == {InvalidField, AmountMismatch, OutOfStock, PriceChanged, OfferGone, OwnBook}
    assert OutOfStock(listing_id=short.listing_id, wanted=3, available=1) in outcome.problems
    assert PriceChanged(listing_id=dear.listing_id, seen=euros(1250), current=euros(9900)) in outcome.problems
    paths = [problem.path for problem in outcome.problems if isinstance(problem, InvalidField)]
    assert paths == [("input", "deliveryAddress", "city"), ("input", "deliveryAddress", "country")]
    assert len(outcome.cart.lines) == 4
    assert (await shop.orders_written(), await shop.keys_bound(), shop.till.charges, shop.shelves.held) == (
        0,
        0,
        [],
        {},
    )
    assert await shop.told(OrderCreated) == []


async def test_an_empty_cart_cannot_be_bought(shop: Shop) -> None:
    outcome = await shop.checkout(address=AddressParts())
    assert isinstance(outcome, CheckoutRejected)
    assert CartEmpty() in outcome.problems
    missing = [problem.path[-1] for problem in outcome.problems if isinstance(problem, InvalidField)]
    assert missing == ["name", "line1", "postalCode", "city", "country"]


async def test_another_amount_than_the_total_is_refused(shop: Shop) -> None:
    await shop.put(shop.offer(price=1000))
    outcome = await shop.checkout(amount=euros(999))
    assert isinstance(outcome, CheckoutRejected)
    assert outcome.problems == (AmountMismatch(agreed=euros(999), total=euros(1000)),)
    assert outcome.problems[0].path == ("input", "amount")


async def test_another_currency_is_refused(shop: Shop) -> None:
    await shop.put(shop.offer(price=1000))
    outcome = await shop.checkout(amount=Money(1000, "USD"))
    assert isinstance(outcome, CheckoutRejected)
    path = ("input", "amount", "currency")
    assert outcome.problems == (UnsupportedCurrency(path=path, currency="USD", supported="EUR"),)


async def test_a_key_that_met_a_problem_can_be_used_again(shop: Shop) -> None:
    await shop.put(shop.offer())
    assert isinstance(await shop.checkout(amount=euros(1)), CheckoutRejected)
    assert isinstance(await shop.checkout(), CheckoutCompleted)


async def test_a_new_price_is_accepted_by_setting_the_line_again(shop: Shop) -> None:
    offer = shop.offer(price=1000)
    await shop.put(offer)
    shop.shelves.change(offer.listing_id, price=euros(1100))
    rejected = await shop.checkout(amount=euros(1100))
    assert isinstance(rejected, CheckoutRejected)
    assert PriceChanged(listing_id=offer.listing_id, seen=euros(1000), current=euros(1100)) in rejected.problems
    await shop.put(offer)
    outcome = await shop.checkout()
    assert isinstance(outcome, CheckoutCompleted)
    assert outcome.order.total == euros(2200)


async def test_a_shortage_rejects_the_order_and_the_answer_stays(shop: Shop) -> None:
    """The last copy goes to somebody else between reading the cart and holding it."""
    offer = shop.offer(copies=2)
    await shop.put(offer, quantity=2)
    shop.shelves.late_changes = {offer.listing_id: {"available": 1}}
    outcome = await shop.checkout()
    assert isinstance(outcome, CheckoutRejected)
    assert outcome.problems == (OutOfStock(listing_id=offer.listing_id, wanted=2, available=1),)
    assert outcome.order is not None
    assert outcome.order.status is OrderStatus.REJECTED
    assert outcome.order.settled
    assert outcome.order.actions == (OrderAction.CHECKOUT_AGAIN,)
    assert (shop.till.charges, shop.shelves.held) == ([], {})
    assert await shop.told(OrderCreated) == []
    assert await shop.told(OrderPaymentFailed) == []
    assert len((await shop.service.cart_of("alice")).lines) == 1
    shop.shelves.change(offer.listing_id, available=9)
    again = await shop.checkout()
    assert isinstance(again, CheckoutRejected)
    assert (again.problems, again.order) == (outcome.problems, outcome.order)


@pytest.mark.parametrize(
    ("late", "expected"),
    [({"price": euros(1300)}, PriceChanged), ({"withdrawn": True}, OfferGone)],
)
async def test_an_offer_that_changes_at_the_last_moment_rejects_the_order(
    shop: Shop, late: dict[str, object], expected: type
) -> None:
    offer = shop.offer()
    await shop.put(offer)
    shop.shelves.late_changes = {offer.listing_id: late}
    outcome = await shop.checkout()
    assert isinstance(outcome, CheckoutRejected)
    assert [type(problem) for problem in outcome.problems] == [expected]
    assert outcome == await shop.checkout()


async def test_a_refused_payment_releases_the_hold_and_keeps_the_cart(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.till.answer = Refused("DECLINED", "no")
    outcome = await shop.checkout()
    assert isinstance(outcome, CheckoutRejected)
    assert outcome.problems == (PaymentDeclined(reason_code="DECLINED"),)
    assert outcome.order is not None
    assert outcome.order.status is OrderStatus.PAYMENT_FAILED
    assert outcome.order.payment_status is PaymentStatus.FAILED
    assert shop.shelves.held == {}
    assert shop.shelves.released == {outcome.order.id: "PAYMENT_FAILED"}
    assert len(outcome.cart.lines) == 1
    (failed,) = await shop.told(OrderPaymentFailed)
    assert (failed.order_id, failed.reason, failed.customer_email) == (
        outcome.order.id,
        "DECLINED",
        "alice@example.org",
    )
    assert await shop.told(OrderPaid) == []


async def test_a_refused_checkout_answers_the_same_again_and_another_key_tries_anew(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.till.answer = Refused("DECLINED", "no")
    refused = await shop.checkout()
    assert await shop.checkout() == refused
    assert len(shop.till.charges) == 1
    shop.till.answer = Captured("later")
    assert isinstance(await shop.checkout(key="second"), CheckoutCompleted)


async def test_an_unknown_outcome_leaves_the_order_pending(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.till.answer = Unknown()
    outcome = await shop.checkout()
    assert isinstance(outcome, CheckoutPending)
    assert outcome.order.status is OrderStatus.PENDING
    assert outcome.order.id in shop.shelves.held
    assert isinstance(await shop.checkout(), CheckoutPending)


async def test_the_same_request_is_answered_with_the_same_order(shop: Shop) -> None:
    await shop.put(shop.offer())
    request = await shop.request()
    first = await shop.service.checkout(request)
    second = await shop.service.checkout(request)
    assert isinstance(first, CheckoutCompleted)
    assert second == CheckoutCompleted(first.order, replayed=True)
    assert shop.till.charges == [first.order.id]


async def test_a_key_belongs_to_its_buyer(shop: Shop) -> None:
    offer = shop.offer()
    await shop.put(offer, buyer="alice")
    await shop.put(offer, buyer="carol")
    first, second = await shop.checkout(buyer="alice"), await shop.checkout(buyer="carol")
    assert isinstance(first, CheckoutCompleted)
    assert isinstance(second, CheckoutCompleted)
    assert first.order.id != second.order.id


async def test_a_key_cannot_be_used_for_another_request(shop: Shop) -> None:
    await shop.put(shop.offer())
    request = await shop.request()
    await shop.service.checkout(request)
    moved = replace(request, address=replace(ADDRESS, city="Bath"))
    assert await shop.service.checkout(moved) == IdempotencyKeyReused()


async def test_a_lost_answer_can_be_asked_for(shop: Shop) -> None:
    await shop.put(shop.offer())
    outcome = await shop.checkout(key=" mine ")
    assert isinstance(outcome, CheckoutCompleted)
    assert await shop.service.checkout_attempt("alice", "mine") == replace(outcome, replayed=True)
    assert await shop.service.checkout_attempt("carol", "mine") is None
    assert await shop.service.checkout_attempt("alice", "other") is None
    assert await shop.service.checkout_attempt("alice", "no\x00key") is None
