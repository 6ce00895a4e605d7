"""Books become known once, and the other domains are told."""

import pytest

from domains.catalog import AddBook, Book, BookAlreadyKnown, read_sample_books
from messaging.events import BookAdded
from tests.domains.catalog.bookcase import Bookcase, new_isbn, stock_of

EMMA = AddBook(isbn="0-14-143958-0", title=" Emma ", authors=("Jane Austen",), year=1815, language="eng", rating=3.994)


async def test_a_book_that_was_added_is_known_and_published(bookcase: Bookcase) -> None:
    added = await bookcase.service.add_book(EMMA)
    assert added == Book("9780141439587", "Emma", ("Jane Austen",), 1815, "en", 3.99, version=1)
    assert await bookcase.service.find_books(["9780141439587", "9780141439518"]) == {"9780141439587": added}
    assert await bookcase.published() == [
        BookAdded(
            book_isbn="9780141439587", title="Emma", authors=("Jane Austen",), year=1815, language="en", version=1
        )
    ]


async def test_a_book_is_added_once(bookcase: Bookcase) -> None:
    await bookcase.service.add_book(EMMA)
    again = AddBook(isbn="9780141439587", title="Another Emma", authors=("Somebody",))
    assert await bookcase.service.add_book(again) == (BookAlreadyKnown(path=("input", "isbn"), isbn="9780141439587"),)
    assert await bookcase.titles("emma") == ["Emma"]
    assert len(await bookcase.published()) == 1


async def test_a_book_that_cannot_be_leaves_nothing(bookcase: Bookcase) -> None:
    answer = await bookcase.service.add_book(AddBook(isbn="9780141439588", title="", authors=()))
    assert isinstance(answer, tuple)
    assert [problem.path for problem in answer] == [("input", "isbn"), ("input", "title"), ("input", "authors")]
    assert await bookcase.published() == []
    assert await bookcase.titles() == []


async def test_many_books_are_added_at_once_and_known_ones_skipped(bookcase: Bookcase) -> None:
    samples = read_sample_books(600)
    assert await bookcase.service.add_books(samples[:20]) == 20
    assert await bookcase.service.add_books([*samples, samples[599]]) == 580
    assert await bookcase.service.add_books([]) == 0
    found = await bookcase.service.find_books([sample.isbn for sample in samples])
    assert [found[sample.isbn].title for sample in samples] == [sample.title for sample in samples]
    published = [event.book_isbn for event in await bookcase.published() if isinstance(event, BookAdded)]
    assert sorted(published) == sorted(sample.isbn for sample in samples)


async def test_one_wrong_book_of_many_stops_all(bookcase: Bookcase) -> None:
    good = AddBook(isbn=new_isbn(), title="Good", authors=("Somebody",))
    with pytest.raises(ValueError, match="title must have 1 to 500 characters"):
        await bookcase.service.add_books([good, AddBook(isbn=new_isbn(), title=" ", authors=("Somebody",))])
    assert await bookcase.titles() == []


async def test_stock_that_was_heard_of_before_the_book_is_kept(bookcase: Bookcase) -> None:
    await bookcase.deliver(stock_of("9780141439587", 3, ("ann-1", 500, 2)))
    await bookcase.service.add_book(EMMA)
    assert await bookcase.titles(available=True) == ["Emma"]
    assert (await bookcase.offers_of("9780141439587")).total == 2
