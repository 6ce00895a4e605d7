"""The states of an order, what outcomes do to them, order numbers, and what keeps a cart line from being bought."""

from itertools import product
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.orders import Offer, OfferGone, OrderStatus, OutOfStock, OwnBook, PriceChanged
from domains.orders.errors import PaymentDeclined, from_json, to_json
from domains.orders.model import (
    UNPAID_ENDS,
    CartLine,
    HoldLine,
    Shortage,
    ShortageReason,
    new_number,
    problems_of,
    problems_with,
    read_number,
)
from domains.orders.payment import (
    ActionRequired,
    Captured,
    Decision,
    GivenUp,
    NotCharged,
    NotHeld,
    Outcome,
    Refused,
    Unknown,
    decide,
    end_of,
)
from kernel.books import Grade
from kernel.money import Money

CAPTURED, REFUSED, UNKNOWN, NOT_CHARGED, NOT_HELD, ACTION, GIVEN_UP = OUTCOMES = (
    Captured("ref"),
    Refused("DECLINED", "no"),
    Unknown(),
    NotCharged(),
    NotHeld(()),
    ActionRequired("secret"),
    GivenUp("Lost my phone"),
)
ACTIONS = {
    (OrderStatus.PENDING, CAPTURED): Decision.PAY,
    (OrderStatus.PENDING, REFUSED): Decision.END,
    (OrderStatus.PENDING, NOT_CHARGED): Decision.END,
    (OrderStatus.PENDING, NOT_HELD): Decision.END,
    (OrderStatus.PENDING, ACTION): Decision.WAIT,
    (OrderStatus.PENDING, GIVEN_UP): Decision.END,
    (OrderStatus.REJECTED, CAPTURED): Decision.REFUND,
    (OrderStatus.PAYMENT_FAILED, CAPTURED): Decision.REFUND,
    (OrderStatus.EXPIRED, CAPTURED): Decision.REFUND,
}
"""Every pair that is not here keeps the order as it is."""


@pytest.mark.parametrize(("status", "outcome"), list(product(OrderStatus, OUTCOMES)))
def test_every_outcome_does_to_every_state_what_the_table_says(status: OrderStatus, outcome: Outcome) -> None:
    assert decide(status, outcome) is ACTIONS.get((status, outcome), Decision.KEEP)


@pytest.mark.parametrize("charging", [True, False])
def test_an_order_ends_where_its_outcome_says(charging: bool) -> None:
    assert end_of(NOT_HELD, charging=charging) is OrderStatus.REJECTED
    assert end_of(REFUSED, charging=charging) is OrderStatus.PAYMENT_FAILED
    assert end_of(GIVEN_UP, charging=charging) is OrderStatus.EXPIRED
    assert end_of(NOT_CHARGED, charging=charging) is (OrderStatus.PAYMENT_FAILED if charging else OrderStatus.EXPIRED)


def test_every_end_without_money_can_be_reached() -> None:
    ends = {
        end_of(outcome, charging=charging) for outcome in (NOT_HELD, REFUSED, NOT_CHARGED) for charging in (True, False)
    }
    assert ends == UNPAID_ENDS


def test_order_numbers_are_short_and_do_not_repeat() -> None:
    numbers = [new_number() for _ in range(1000)]
    assert len(set(numbers)) == 1000
    assert {len(number) for number in numbers} == {11}
    assert all(read_number(number) == number for number in numbers)


@pytest.mark.parametrize("typed", ["b-7k3q-9f2m", "B7K3Q9F2M", " b 7k3q 9f2m "])
def test_an_order_number_is_read_however_it_is_typed(typed: str) -> None:
    assert read_number(typed) == "B-7K3Q-9F2M"


def test_letters_that_look_like_digits_are_read_as_digits() -> None:
    assert read_number("B-OILO-0000") == "B-0110-0000"


@given(st.text())
def test_what_is_no_order_number_is_read_as_none(text: str) -> None:
    read = read_number(text)
    assert read is None or len(read) == 11


def line_of(offer: Offer | None, *, quantity: int = 1, seen: int = 1000) -> CartLine:
    """A line of a cart with this offer."""
    listing_id = offer.listing_id if offer else uuid4()
    return CartLine(listing_id, quantity, "9780141439518", None, Money(seen, "EUR"), offer)


def offer_of(*, owner: str = "bob", price: int = 1000, available: int = 3, withdrawn: bool = False) -> Offer:
    """An offer as it stands now."""
    return Offer(
        uuid4(), "9780141439518", uuid4(), owner, Grade.GOOD, Money(price, "EUR"), available, withdrawn=withdrawn
    )


def test_a_line_whose_offer_is_as_it_was_has_no_problem() -> None:
    assert problems_with("alice", line_of(offer_of(), quantity=3)) == []


def test_a_gone_offer_is_the_only_problem_of_its_line() -> None:
    for offer in (None, offer_of(withdrawn=True, price=1, available=0, owner="alice")):
        line = line_of(offer)
        assert problems_with("alice", line) == [OfferGone(listing_id=line.listing_id)]
        assert (line.available, line.price) == (0, None)


def test_all_problems_of_a_line_are_found() -> None:
    line = line_of(offer_of(owner="alice", price=1100, available=1), quantity=2)
    assert [type(problem) for problem in problems_with("alice", line)] == [OwnBook, PriceChanged, OutOfStock]


def test_another_currency_is_another_price() -> None:
    line = CartLine(uuid4(), 1, "9780141439518", None, Money(1000, "USD"), offer_of())
    assert [type(problem) for problem in problems_with("alice", line)] == [PriceChanged]


def test_shortages_become_problems_and_problems_survive_storage() -> None:
    seen, now = Money(1000, "EUR"), Money(1200, "EUR")
    lines = [HoldLine(uuid4(), 2, seen) for _ in range(4)]
    shortages = [
        Shortage(lines[0].listing_id, 2, 1, seen, ShortageReason.SHORT),
        Shortage(lines[1].listing_id, 2, 9, now, ShortageReason.PRICE_CHANGED),
        Shortage(lines[2].listing_id, 2, 0, None, ShortageReason.GONE),
    ]
    problems = problems_of(shortages, lines)
    assert problems == (
        OutOfStock(listing_id=lines[0].listing_id, wanted=2, available=1),
        PriceChanged(listing_id=lines[1].listing_id, seen=seen, current=now),
        OfferGone(listing_id=lines[2].listing_id),
    )
    stored = (*problems, PaymentDeclined(reason_code="DECLINED"))
    assert from_json(to_json(stored)) == stored
