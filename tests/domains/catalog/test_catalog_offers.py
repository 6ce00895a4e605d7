"""The read model: what is offered of a book, stored by version and copied to a cache that may forget or be away."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.catalog import BookOffer, BookOffers, BookQuery
from domains.catalog.copies import Copies
from domains.catalog.handlers import SIGNAL
from kernel.books import Grade
from kernel.cache import CacheUnavailable, InProcessCache
from kernel.money import Money
from kernel.pages import Page, PageRequest
from tests.domains.catalog.bookcase import WHEN, Bookcase, id_of, new_isbn, stock_of

ISBN = "9780141439587"
AVAILABLE = BookQuery(available=True)


def _euros(minor: int) -> Money:
    return Money(minor, "EUR")


async def test_stock_becomes_offers_the_cheapest_first(bookcase: Bookcase) -> None:
    await bookcase.deliver(stock_of(ISBN, 4, ("ann-1", 900, 2), ("ben-1", 700, 1), ("ann-2", 700, 3)))
    cheapest = sorted([("ben", id_of("ben-1"), 1), ("ann", id_of("ann-2"), 3)], key=lambda offer: offer[1])
    offers = [
        BookOffer(listing, id_of(seller), _euros(700), copies, Grade.GOOD, "Leipzig")
        for seller, listing, copies in cheapest
    ]
    offers.append(BookOffer(id_of("ann-1"), id_of("ann"), _euros(900), 2, Grade.GOOD, "Leipzig"))
    assert await bookcase.offers_of(ISBN) == BookOffers(
        isbn=ISBN,
        total=6,
        sellers=2,
        min_price=_euros(700),
        max_price=_euros(900),
        average_price=_euros(767),
        version=4,
        updated_at=WHEN + timedelta(seconds=4),
        offers=tuple(offers),
    )


async def test_the_cache_gives_what_the_database_gives(bookcase: Bookcase) -> None:
    await bookcase.deliver(stock_of(ISBN, 1, ("ann-1", 900, 2)))
    stored = await bookcase.offers_of(ISBN)
    copied = await Copies(bookcase.cache).offers([ISBN])
    assert copied == {ISBN: stored}
    assert await bookcase.offers_of(ISBN) == stored


async def test_a_book_that_never_had_stock_has_no_offers(bookcase: Bookcase) -> None:
    book = await bookcase.add("Emma")
    assert await bookcase.service.find_offers([book.isbn, new_isbn()]) == {}


async def test_a_sold_out_book_has_no_prices(bookcase: Bookcase) -> None:
    await bookcase.deliver(stock_of(ISBN, 1, ("ann-1", 900, 1)), stock_of(ISBN, 2))
    stock = await bookcase.offers_of(ISBN)
    assert (stock.total, stock.sellers, stock.min_price, stock.average_price, stock.offers) == (0, 0, None, None, ())


@given(data=st.data())
async def test_any_order_and_number_of_deliveries_ends_in_the_newest_state(library: Bookcase, data) -> None:
    isbn = new_isbn()
    events = [stock_of(isbn, version, ("ann-1", 100 * version, version)) for version in range(1, 5)]
    deliveries = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=4))))
    for event in deliveries:
        await library.deliver(event)
        if data.draw(st.booleans()):
            await library.refresh()
        if data.draw(st.booleans()):
            await library.service.find_offers([isbn])
    await library.refresh()
    assert await library.offers_of(isbn) == (await Copies(library.cache).offers([isbn]))[isbn]
    assert (await library.offers_of(isbn)).version == 4


async def test_only_news_wakes_the_sweep(bookcase: Bookcase) -> None:
    signal = bookcase.database.signal(SIGNAL)
    await bookcase.deliver(stock_of(ISBN, 2, ("ann-1", 900, 1)))
    assert signal.is_set()
    signal.clear()
    await bookcase.deliver(stock_of(ISBN, 1, ("ann-1", 500, 1)), stock_of(ISBN, 2, ("ann-1", 900, 1)))
    assert not signal.is_set()


async def test_the_sweep_copies_what_changed_once(bookcase: Bookcase) -> None:
    await bookcase.deliver(stock_of(ISBN, 1, ("ann-1", 900, 1)))
    await bookcase.service.find_offers([ISBN])
    await bookcase.deliver(stock_of(ISBN, 2, ("ann-1", 800, 1)))
    assert (await bookcase.offers_of(ISBN)).version == 1  # a copy may lag until the sweep has run
    assert await bookcase.service.refresh_cache() == 1
    assert (await bookcase.offers_of(ISBN)).version == 2
    assert await bookcase.service.refresh_cache() == 0


async def test_a_slow_reader_does_not_put_back_what_the_sweep_replaced(bookcase: Bookcase) -> None:
    await bookcase.deliver(stock_of(ISBN, 1, ("ann-1", 900, 1)))
    read_before = await bookcase.offers_of(ISBN)
    await bookcase.deliver(stock_of(ISBN, 2, ("ann-1", 800, 1)))
    await bookcase.refresh()
    await Copies(bookcase.cache).keep_offers(read_before)
    assert (await bookcase.offers_of(ISBN)).version == 2


async def test_two_copies_of_different_versions_are_not_mixed(bookcase: Bookcase) -> None:
    await bookcase.deliver(stock_of(ISBN, 1, ("ann-1", 900, 1)))
    await bookcase.service.find_offers([ISBN])
    await bookcase.deliver(stock_of(ISBN, 2, ("ann-1", 800, 1)))
    newer = InProcessCache()
    await bookcase.refresh()
    await Copies(newer).keep_offers((await Copies(bookcase.cache).offers([ISBN]))[ISBN])
    (sellers,) = await newer.get_many([f"sellers:{ISBN}"])
    assert sellers is not None
    await bookcase.cache.set_if_newer(f"sellers:{ISBN}", 3, sellers.replace(b'"version":2', b'"version":3'))
    assert await Copies(bookcase.cache).offers([ISBN]) == {}
    assert (await bookcase.offers_of(ISBN)).version == 2


async def test_a_cache_that_is_away_costs_no_answer_and_no_news(bookcase: Bookcase) -> None:
    book = await bookcase.add("Emma")
    bookcase.cache.is_away = True
    await bookcase.deliver(stock_of(book.isbn, 1, ("ann-1", 900, 1)))
    with pytest.raises(CacheUnavailable):
        await bookcase.service.refresh_cache()
    assert (await bookcase.offers_of(book.isbn)).total == 1
    assert await bookcase.titles(available=True) == ["Emma"]
    bookcase.cache.is_away = False
    assert await bookcase.service.refresh_cache() == 1
    assert await Copies(bookcase.cache).offers([book.isbn]) == {book.isbn: await bookcase.offers_of(book.isbn)}


async def test_more_changes_than_one_sweep_takes_are_all_copied(bookcase: Bookcase) -> None:
    isbns = [new_isbn() for _ in range(250)]
    await bookcase.deliver(*(stock_of(isbn, 1, ("ann-1", 900, 1)) for isbn in isbns))
    await bookcase.refresh()
    assert len(await Copies(bookcase.cache).offers(isbns)) == 250


async def test_the_page_of_what_can_be_bought_changes_with_the_stock(bookcase: Bookcase) -> None:
    emma, persuasion = await bookcase.add("Emma"), await bookcase.add("Persuasion")
    await bookcase.deliver(stock_of(emma.isbn, 1, ("ann-1", 900, 1)))
    await bookcase.refresh()
    assert [book.title for book in (await bookcase.service.search(AVAILABLE)).items] == ["Emma"]
    await bookcase.deliver(stock_of(persuasion.isbn, 1, ("ann-2", 900, 1)), stock_of(emma.isbn, 2))
    assert [book.title for book in (await bookcase.service.search(AVAILABLE)).items] == ["Emma"]  # still the copy
    await bookcase.refresh()
    page = await bookcase.service.search(AVAILABLE)
    assert page == await bookcase.service.search(AVAILABLE)
    assert (page.items, page.has_next) == ([persuasion], False)


async def test_a_page_that_was_read_before_a_change_is_not_shown_after_it(bookcase: Bookcase) -> None:
    copies, request = Copies(bookcase.cache), PageRequest()
    generation = await copies.generation()
    await copies.begin_generation()
    await copies.keep_available_page(generation, request, Page((), (), has_next=True))
    assert await copies.available_page(await copies.generation(), request) is None
