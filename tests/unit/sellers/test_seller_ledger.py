"""What sellers earn by an order, whatever arrives first and how often."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.sellers.ledger import Earned, SoldOrder
from kernel.books import Grade
from messaging.events import BookSold, OrderItem, RefundedLine, SaleRecorded, SaleReversed

PAID_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORDER, ALICE, BOB, LISTING, OTHER_LISTING = (uuid4() for _ in range(5))


def item(seller: UUID, listing: UUID, *, quantity: int, price: int) -> OrderItem:
    return OrderItem(
        order_item_id=uuid4(),
        book_isbn="9780439023481",
        seller_id=seller,
        quantity=quantity,
        unit_price=price,
        listing_id=listing,
        grade=Grade.GOOD,
    )


FROM_ALICE, FROM_BOB = item(ALICE, LISTING, quantity=3, price=500), item(BOB, OTHER_LISTING, quantity=1, price=999)
ITEMS = (FROM_ALICE, FROM_BOB)


def returned(order_item: OrderItem, seller: UUID, *, quantity: int, amount: int) -> RefundedLine:
    return RefundedLine(
        order_item_id=order_item.order_item_id,
        listing_id=order_item.listing_id,
        seller_id=seller,
        quantity=quantity,
        amount=amount,
    )


FIRST_REFUND, SECOND_REFUND = uuid4(), uuid4()
Fact = Callable[[SoldOrder], SoldOrder]
FACTS: dict[str, Fact] = {
    "paid": lambda order: order.pay("buyer", PAID_AT, "EUR", ITEMS),
    "cancelled": lambda order: order.cancel("EUR", ITEMS),
    "first refund": lambda o: o.refund(FIRST_REFUND, [returned(FROM_ALICE, ALICE, quantity=1, amount=500)]),
    "second refund": lambda o: o.refund(SECOND_REFUND, [returned(FROM_ALICE, ALICE, quantity=1, amount=300)]),
    "last copy": lambda order: order.take_last_copies([LISTING]),
}


def learned(*names: str) -> SoldOrder:
    order = SoldOrder(order_id=ORDER)
    for name in names:
        order = FACTS[name](order)
    return order


def news(*names: str) -> list:
    order, events = SoldOrder(order_id=ORDER), []
    for name in names:
        before, order = order, FACTS[name](order)
        events += order.news_since(before)
    return events


@given(
    st.lists(st.sampled_from(sorted(FACTS)), max_size=12).flatmap(
        lambda names: st.tuples(st.just(names), st.permutations(names))
    )
)
def test_any_order_and_number_of_facts_gives_the_same_books(histories: tuple[list[str], list[str]]) -> None:
    names, shuffled = histories

    assert learned(*names) == learned(*shuffled) == learned(*names, *shuffled)
    assert learned(*names).earned() == learned(*sorted(set(names))).earned()


@given(st.lists(st.sampled_from(sorted(FACTS)), max_size=12))
def test_the_changes_told_on_the_way_add_up_to_what_is_earned(names: list[str]) -> None:
    order, books, revenue = SoldOrder(order_id=ORDER), 0, 0
    for name in names:
        before, order = order, FACTS[name](order)
        change = order.earned_since(before).get(ALICE, Earned(0, 0))
        books, revenue = books + change.books, revenue + change.revenue

    assert Earned(books, revenue) == order.earned().get(ALICE, Earned(0, 0))
    assert books >= 0
    assert revenue >= 0


@given(st.lists(st.sampled_from(sorted(FACTS)), max_size=12))
def test_nothing_is_told_twice(names: list[str]) -> None:
    events = news(*names)

    assert len(events) == len({(type(event), event.to_wire()) for event in events})
    assert sum(isinstance(event, SaleReversed) for event in events) == (2 if "cancelled" in names else 0)


def test_each_seller_earns_their_own_lines() -> None:
    assert learned("paid").earned() == {ALICE: Earned(3, 1500), BOB: Earned(1, 999)}


def test_refunds_take_from_the_line_they_are_of() -> None:
    assert learned("paid", "first refund").earned() == {ALICE: Earned(2, 1000), BOB: Earned(1, 999)}
    assert learned("paid", "first refund", "second refund").earned() == {ALICE: Earned(1, 700), BOB: Earned(1, 999)}


def test_refunds_take_no_more_than_the_line_brought() -> None:
    order = learned("paid").refund(uuid4(), [returned(FROM_BOB, BOB, quantity=5, amount=5000)])

    assert order.earned()[BOB] == Earned(0, 0)


def test_a_cancelled_order_earns_nothing_even_after_a_refund() -> None:
    assert learned("paid", "first refund", "cancelled").earned() == {}


def test_a_sale_is_recorded_when_paid_and_reversed_when_cancelled() -> None:
    assert [type(event) for event in news("paid")] == [SaleRecorded, SaleRecorded]
    assert [type(event) for event in news("paid", "cancelled")] == [SaleRecorded] * 2 + [SaleReversed] * 2


def test_a_sale_that_was_never_recorded_is_reversed_all_the_same() -> None:
    assert [type(event) for event in news("cancelled", "paid")] == [SaleReversed, SaleReversed]


def test_a_reversed_sale_names_the_whole_line() -> None:
    sale = next(event for event in news("cancelled") if event.seller_id == ALICE)

    assert (sale.order_item_id, sale.quantity, sale.amount, sale.currency) == (FROM_ALICE.order_item_id, 3, 1500, "EUR")


@pytest.mark.parametrize("names", list(permutations(["paid", "last copy"])))
def test_a_book_is_sold_once_payment_and_last_copy_are_both_known(names: tuple[str, str]) -> None:
    assert not any(isinstance(event, BookSold) for event in news(names[0]))
    assert [event for event in news(*names, *names) if isinstance(event, BookSold)] == [
        BookSold(
            listing_id=LISTING,
            seller_id=ALICE,
            book_isbn="9780439023481",
            order_id=ORDER,
            buyer_id="buyer",
            sold_date=PAID_AT,
        )
    ]


@pytest.mark.parametrize("names", [n for n in permutations(["paid", "last copy", "cancelled"]) if n[2] != "cancelled"])
def test_a_book_of_a_cancelled_order_is_not_announced_as_sold(names: tuple[str, ...]) -> None:
    assert not any(isinstance(event, BookSold) for event in news(*names))
