"""What can be held, deducted and returned, and how a book's offers are summed up."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations
from uuid import UUID, uuid4

import pytest

from domains.inventory.errors import ReturnExceedsOrder
from domains.inventory.model import (
    HoldLine,
    Shortage,
    ShortageReason,
    StockItem,
    StockLine,
    StockOffer,
    book_stock,
    check_return,
    deduction_shortages,
    hold_shortages,
    merge_listing,
    total_quantities,
)
from kernel.books import Grade
from kernel.money import CurrencyMismatch, Money

ISBN = "9780141439518"
A, B, C = (UUID(int=number) for number in (1, 2, 3))
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def item(listing_id: UUID = A, *, on_hand: int = 5, held: int = 0, withdrawn: bool = False) -> StockItem:
    return StockItem(
        listing_id, ISBN, uuid4(), "alice", Grade.GOOD, eur(1000), "Lisbon", on_hand, held, withdrawn, version=3
    )


def offer(price: Money, quantity: int = 1, seller_id: UUID | None = None) -> StockOffer:
    return StockOffer(uuid4(), seller_id or uuid4(), price, quantity, Grade.GOOD, "Lisbon")


def test_copies_that_are_held_or_withdrawn_are_not_available() -> None:
    assert item(on_hand=5, held=2).available == 3
    assert item(on_hand=5, held=2, withdrawn=True).available == 0


def test_several_lines_of_one_listing_are_summed() -> None:
    assert total_quantities([(A, 2), (B, 1), (A, 3)]) == {A: 5, B: 1}
    lines = [HoldLine(A, 3, eur(1000)), HoldLine(A, 3, eur(1000))]
    assert hold_shortages(lines, {A: item()}, "EUR") == (Shortage(A, 6, 5, eur(1000), ShortageReason.SHORT),)


def test_lines_that_fit_have_no_shortage() -> None:
    assert hold_shortages([HoldLine(A, 5, eur(1000))], {A: item()}, "EUR") == ()


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_line_holds_at_least_one_copy(quantity: int) -> None:
    with pytest.raises(ValueError, match="at least one copy"):
        HoldLine(A, quantity, eur(1000))


def test_everything_that_is_in_the_way_of_a_hold_is_told_at_once() -> None:
    items = {A: item(A, on_hand=1), B: item(B, withdrawn=True)}
    lines = [HoldLine(A, 2, eur(900)), HoldLine(B, 1, eur(1000)), HoldLine(C, 1, eur(1000))]
    assert hold_shortages(lines, items, "EUR") == (
        Shortage(A, 2, 1, eur(1000), ShortageReason.SHORT),
        Shortage(A, 2, 1, eur(1000), ShortageReason.PRICE_CHANGED),
        Shortage(B, 1, 0, None, ShortageReason.GONE),
        Shortage(C, 1, 0, None, ShortageReason.GONE),
    )


def test_the_same_number_in_another_currency_is_another_price() -> None:
    [shortage] = hold_shortages([HoldLine(A, 1, Money(1000, "USD"))], {A: item()}, "EUR")
    assert shortage.reason is ShortageReason.PRICE_CHANGED


def test_a_listing_in_another_currency_than_the_marketplace_s_cannot_be_held() -> None:
    [shortage] = hold_shortages([HoldLine(A, 1, eur(1000))], {A: item()}, "GBP")
    assert shortage.reason is ShortageReason.GONE


def test_an_order_can_deduct_what_it_holds_and_what_is_available() -> None:
    assert deduction_shortages({A: 3}, {A: 2}, {A: item(on_hand=5, held=4)}) == ()
    assert deduction_shortages({A: 4}, {A: 2}, {A: item(on_hand=5, held=4)}) == (
        Shortage(A, 4, 3, eur(1000), ShortageReason.SHORT),
    )


def test_a_hold_on_a_withdrawn_listing_is_honoured_and_no_more_than_that() -> None:
    gone = {A: item(on_hand=5, held=2, withdrawn=True)}
    assert deduction_shortages({A: 2}, {A: 2}, gone) == ()
    assert deduction_shortages({A: 3}, {A: 2}, gone) == (Shortage(A, 3, 2, eur(1000), ShortageReason.SHORT),)


def test_only_copies_that_the_order_still_keeps_can_be_returned() -> None:
    lines = [StockLine(A, quantity=3, returned=1)]
    check_return(lines, {A: 2})
    for too_many in ({A: 3}, {B: 1}, {A: 0}, {A: -1}):
        with pytest.raises(ReturnExceedsOrder):
            check_return(lines, too_many)


def test_news_of_a_listing_give_the_same_item_in_any_order() -> None:
    published = replace(item(on_hand=4), listing_version=1)
    dearer = replace(item(on_hand=0), price=eur(1100), listing_version=2, published=False)
    withdrawn = replace(item(on_hand=0, withdrawn=True), listing_version=3, published=False, location="Porto")
    results = set()
    for first, *others in permutations([published, dearer, withdrawn]):
        known = first
        for heard in [*others, first, *others]:
            known = merge_listing(known, heard)
        results.add(
            (known.price, known.location, known.on_hand, known.withdrawn, known.published, known.listing_version)
        )
    assert results == {(eur(1000), "Porto", 4, True, True, 3)}


def test_hearing_of_a_listing_again_changes_nothing() -> None:
    known = replace(item(on_hand=4, held=1), listing_version=2)
    assert merge_listing(known, known) == known


def test_a_book_s_stock_sums_up_its_offers() -> None:
    one, other = uuid4(), uuid4()
    offers = [offer(eur(500), 2, one), offer(eur(800), 1, other), offer(eur(1000), 3, one)]
    stock = book_stock(ISBN, "EUR", 7, NOW, offers)
    assert (stock.total, stock.sellers, stock.version) == (6, 2, 7)
    assert (stock.min_price, stock.max_price, stock.average_price) == (eur(500), eur(1000), eur(767))


@pytest.mark.parametrize(("prices", "average"), [((1, 2), 2), ((1, 1, 2), 1), ((1, 2, 2), 2), ((3,), 3)])
def test_the_average_price_is_rounded_to_the_nearest_cent_and_a_half_up(prices: tuple[int, ...], average: int) -> None:
    stock = book_stock(ISBN, "EUR", 1, NOW, [offer(eur(price)) for price in prices])
    assert stock.average_price == eur(average)


def test_a_book_without_offers_has_no_prices() -> None:
    stock = book_stock(ISBN, "EUR", 7, NOW, [])
    assert (stock.total, stock.sellers, stock.offers) == (0, 0, ())
    assert (stock.min_price, stock.max_price, stock.average_price) == (None, None, None)


def test_offers_in_two_currencies_are_never_summed_up() -> None:
    with pytest.raises(CurrencyMismatch):
        book_stock(ISBN, "EUR", 1, NOW, [offer(eur(500)), offer(Money(500, "USD"))])
