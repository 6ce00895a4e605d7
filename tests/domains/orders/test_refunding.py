"""Refunds that operators ask for: the whole, some lines, an amount; never more than is left, once for each key."""

from dataclasses import replace
from typing import Any

import pytest

from domains.orders import (
    CannotRefund,
    Order,
    OrderNotFound,
    OrderStatus,
    PaymentStatus,
    RefundCause,
    RefundLine,
    RefundStatus,
    RefundTooHigh,
)
from kernel.errors import IdempotencyKeyReused, InvalidField
from kernel.ids import new_id
from kernel.money import Money
from messaging.events import OrderCancelled, OrderRefunded, RefundedLine
from tests.domains.orders.receipts import deliver, receipts_of
from tests.domains.orders.shop import Shop, euros


async def order_of(shop: Shop, *prices: int, copies: int = 1) -> Order:
    """A paid order, a line of so many copies for each price."""
    buyer = f"buyer-{new_id()}"
    for price in prices:
        await shop.put(shop.offer(price=price), buyer=buyer, quantity=copies)
    await shop.checkout(buyer=buyer)
    return await shop.only_order(buyer)


def copies_of(order: Order, *quantities: int) -> tuple[RefundLine, ...]:
    """So many copies of the order's lines, from the first on."""
    return tuple(
        RefundLine(order_line_id=line.id, quantity=quantity)
        for line, quantity in zip(order.lines, quantities, strict=False)
    )


async def test_without_lines_and_amount_all_that_is_left_goes_back(shop: Shop) -> None:
    order = await order_of(shop, 1000, 500)
    await shop.refund(order, key="some", amount=euros(300))
    refund = await shop.refund(order, key="rest", restock=True)
    assert (refund.cause, refund.status, refund.amount) == (RefundCause.OPERATOR, RefundStatus.PENDING, euros(1200))
    assert [(line.quantity, line.amount, line.restock) for line in refund.lines] == [
        (1, euros(800), True),
        (1, euros(400), True),
    ]
    asked = await shop.now(order)
    assert (asked.status, asked.payment_status) == (OrderStatus.PAID, PaymentStatus.REFUND_PENDING)
    await shop.service.finish_refunds()
    done = await shop.now(order)
    assert (done.status, done.payment_status, done.refunded) == (OrderStatus.PAID, PaymentStatus.REFUNDED, euros(1500))
    assert await shop.told(OrderCancelled) == []


async def test_lines_go_back_at_the_price_they_were_bought_at(shop: Shop) -> None:
    order = await order_of(shop, 1000, 500, copies=3)
    first, second = order.lines
    refund = await shop.refund(order, lines=copies_of(order, 2, 1), restock=True)
    assert refund.amount == euros(2500)
    await shop.service.finish_refunds()
    (told,) = await shop.told(OrderRefunded)
    shares = {
        first.id: RefundedLine(
            order_item_id=first.id, listing_id=first.listing_id, seller_id=first.seller_id, quantity=2, amount=2000,
            restock=True,
        ),
        second.id: RefundedLine(
            order_item_id=second.id, listing_id=second.listing_id, seller_id=second.seller_id, quantity=1, amount=500,
            restock=True,
        ),
    }  # fmt: skip
    assert (told.refund_id, told.amount) == (refund.id, 2500)
    assert {line.order_item_id: line for line in told.lines} == shares
    after = await shop.now(order)
    assert (after.payment_status, after.refunded) == (PaymentStatus.PARTLY_REFUNDED, euros(2500))


async def test_an_amount_is_shared_over_what_is_left_of_the_lines(shop: Shop) -> None:
    order = await order_of(shop, 1000, 1000, 1000)
    refund = await shop.refund(order, amount=euros(100))
    assert sorted(line.amount.minor for line in refund.lines) == [33, 33, 34]
    assert {(line.quantity, line.restock) for line in refund.lines} == {(0, False)}
    named = await shop.refund(order, key="named", amount=euros(150), lines=copies_of(order, 1), restock=True)
    assert [(line.order_line_id, line.quantity, line.amount) for line in named.lines] == [
        (order.lines[0].id, 1, euros(150))
    ]


async def test_an_order_is_settled_again_when_the_money_is_back(shop: Shop) -> None:
    order = await shop.paid_order()
    await deliver(shop, *receipts_of(order))
    await shop.refund(order, amount=euros(1))
    assert not (await shop.now(order)).settled
    await shop.service.finish_refunds()
    after = await shop.now(order)
    assert after.settled
    assert [entry.event for entry in after.timeline][-2:] == ["RefundRequested", "OrderRefunded"]
    assert after.timeline[-1].detail == "0.01 EUR"


async def test_no_more_goes_back_than_was_paid(shop: Shop) -> None:
    order = await order_of(shop, 1000, 500, copies=2)
    assert await shop.refund(order, amount=euros(3001)) == RefundTooHigh(asked=euros(3001), left=euros(3000))
    await shop.refund(order, key="first", lines=copies_of(order, 2))
    assert await shop.refund(order, key="again", lines=copies_of(order, 1)) == RefundTooHigh(
        asked=euros(1000), left=euros(0)
    )
    assert await shop.refund(order, key="more", amount=euros(1001)) == RefundTooHigh(
        asked=euros(1001), left=euros(1000)
    )
    assert await shop.money(order) == (3000, 2000, 0)
    await shop.refund(order, key="rest")
    answer = await shop.refund(order, key="nothing", amount=euros(1))
    assert isinstance(answer, CannotRefund)
    assert await shop.money(order) == (3000, 3000, 0)


async def test_a_copy_goes_back_once_even_for_less_than_its_price(shop: Shop) -> None:
    order = await order_of(shop, 1000, copies=2)
    await shop.refund(order, key="both", lines=copies_of(order, 2), amount=euros(10))
    answer = await shop.refund(order, key="one", lines=copies_of(order, 1), amount=euros(10))
    assert isinstance(answer, InvalidField)
    assert answer.path == ("input", "lines", "0", "quantity")


async def test_a_key_asks_once(shop: Shop) -> None:
    order, other = await shop.paid_order(), await shop.paid_order()
    first = await shop.refund(order, amount=euros(100))
    assert await shop.refund(order, amount=euros(100)) == first
    assert await shop.refund(order, amount=euros(100), key=" refund ") == first
    others: list[dict[str, Any]] = [{"amount": euros(101)}, {"amount": euros(100), "reason": "Torn"}, {}]
    for changes in others:
        assert await shop.refund(order, **changes) == IdempotencyKeyReused()
    assert await shop.refund(other, amount=euros(100)) == IdempotencyKeyReused()
    await shop.service.finish_refunds()
    replayed = await shop.refund(order, amount=euros(100))
    assert (replayed.id, replayed.status) == (first.id, RefundStatus.DONE)
    assert len(await shop.refunds(order)) == 1


async def test_another_operator_may_use_the_same_key(shop: Shop) -> None:
    order = await shop.paid_order()
    first = await shop.refund(order, amount=euros(100))
    second = await shop.refund(order, amount=euros(100), operator_id="otto")
    assert first.id != second.id
    assert await shop.money(order) == (1250, 200, 0)


async def test_what_cannot_be_refunded_says_why(shop: Shop) -> None:
    pending = await shop.pending_order()
    cancelled = await shop.paid_order()
    await shop.cancel(cancelled)
    assert await shop.refund(pending) == CannotRefund(reason="Nothing was paid for this order.")
    undone = await shop.refund(cancelled)
    assert isinstance(undone, CannotRefund)
    assert "undone" in undone.message
    assert await shop.refund(replace(pending, id=new_id())) == OrderNotFound()


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"key": "  "}, ("idempotencyKey",)),
        ({"reason": ""}, ("reason",)),
        ({"reason": "x" * 201}, ("reason",)),
        ({"amount": euros(0)}, ("amount",)),
        ({"amount": euros(-5)}, ("amount",)),
        ({"amount": Money(100, "USD")}, ("amount", "currency")),
        ({"amount": InvalidField(path=("input", "amount"), reason="no number")}, ("amount",)),
        ({"amount": euros(100), "restock": True}, ("restock",)),
    ],
)
async def test_what_is_asked_in_a_wrong_way_has_a_typed_answer(
    shop: Shop, changes: dict[str, Any], path: tuple[str, ...]
) -> None:
    order = await shop.paid_order()
    answer = await shop.refund(order, **changes)
    assert isinstance(answer, InvalidField)
    assert answer.path == ("input", *path)
    assert await shop.money(order) == (1250, 0, 0)


@pytest.mark.parametrize(
    ("quantities", "stranger", "path"),
    [((0,), False, "quantity"), ((100,), False, "quantity"), ((1, 1), False, "lineId"), ((1,), True, "lineId")],
)
async def test_lines_that_cannot_be_have_a_typed_answer(
    shop: Shop, quantities: tuple[int, ...], stranger: bool, path: str
) -> None:
    order = await shop.paid_order()
    line_id = new_id() if stranger else order.lines[0].id
    lines = tuple(RefundLine(order_line_id=line_id, quantity=quantity) for quantity in quantities)
    answer = await shop.refund(order, lines=lines)
    assert isinstance(answer, InvalidField)
    assert answer.path == ("input", "lines", str(len(quantities) - 1), path)
