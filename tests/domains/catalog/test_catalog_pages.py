"""Pages of books: none missing, none twice, whatever the order; cursors of other lists are refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.catalog import BookOrder, BookQuery
from kernel.pages import InvalidCursor, PageRequest, encode_cursor
from tests.domains.catalog.bookcase import Bookcase, stock_of

KEYS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


async def _all_pages(bookcase: Bookcase, size: int, **query: Any) -> list[str]:
    isbns: list[str] = []
    after = None
    while True:
        page = await bookcase.service.search(BookQuery(**query, page=PageRequest(size, after)))
        isbns += [book.isbn for book in page.items]
        if not page.has_next:
            return isbns
        after = page.cursors[-1]


@pytest.mark.parametrize("order_by", BookOrder)
@pytest.mark.parametrize("search", [None, "the", "s of"])
async def test_the_pages_of_every_order_are_the_whole_list(
    library: Bookcase, order_by: BookOrder, search: str | None
) -> None:
    small = await _all_pages(library, 7, search=search, order_by=order_by)
    assert small == await _all_pages(library, 100, search=search, order_by=order_by)
    assert len(small) == len(set(small)) > 7


@pytest.mark.parametrize("order_by", BookOrder)
async def test_pages_work_with_every_filter(bookcase: Bookcase, order_by: BookOrder) -> None:
    books = [await bookcase.add(f"Emma {n % 2}", year=1800 + n % 3, language="en", rating=4.0) for n in range(9)]
    await bookcase.deliver(*(stock_of(book.isbn, 1, (f"ann-{book.isbn}", 500, 1)) for book in books))
    filters = {"authors": "jane", "language": "en", "year_from": 1800, "year_to": 1900, "available": True}
    for search in (None, "emm"):
        found = await _all_pages(bookcase, 2, search=search, order_by=order_by, **filters)
        assert sorted(found) == sorted(book.isbn for book in books)


async def test_a_book_added_meanwhile_shifts_no_page(bookcase: Bookcase) -> None:
    for title in ("B", "D", "F"):
        await bookcase.add(title)
    page = await bookcase.service.search(BookQuery(order_by=BookOrder.TITLE, page=PageRequest(2)))
    await bookcase.add("A")
    next_page = PageRequest(2, page.cursors[-1])
    rest = await bookcase.service.search(BookQuery(order_by=BookOrder.TITLE, page=next_page))
    assert [book.title for book in (*page.items, *rest.items)] == ["B", "D", "F"]


async def test_an_exact_last_page_has_no_next(bookcase: Bookcase) -> None:
    for title in ("A", "B"):
        await bookcase.add(title)
    page = await bookcase.service.search(BookQuery(page=PageRequest(2)))
    assert (len(page.items), page.has_next) == (2, False)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        "é",
        encode_cursor("RATING", 1),
        encode_cursor("TITLE", "emma", "9780141439587"),
        encode_cursor("RATING", "emma", "9780141439587"),
        encode_cursor("RATING", None, "9780141439587"),
        encode_cursor("RATING", 1, None),
        encode_cursor("RATING", 2**63, "9780141439587"),
        encode_cursor("RATING", 1, "\0"),
    ],
)
async def test_a_cursor_of_another_list_is_refused(library: Bookcase, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        await library.service.search(BookQuery(order_by=BookOrder.RATING, page=PageRequest(5, cursor)))
    with pytest.raises(InvalidCursor):
        await library.service.search(BookQuery(available=True, page=PageRequest(5, cursor)))


@given(st.sampled_from(BookOrder), KEYS, KEYS)
async def test_a_cursor_that_somebody_made_up_is_refused_or_answered(
    library: Bookcase, order_by: BookOrder, rank, isbn
) -> None:
    try:
        cursor = encode_cursor(order_by, rank, isbn)
    except TypeError:  # not even JSON
        return
    try:
        page = await library.service.search(BookQuery(search="the", order_by=order_by, page=PageRequest(5, cursor)))
    except InvalidCursor:
        return
    assert len(page.items) <= 5
