"""The real books that come with the project."""

from domains.catalog import Book, read_sample_books
from domains.catalog.model import new_book


def test_every_sample_is_a_book_and_none_comes_twice() -> None:
    books = [new_book(sample) for sample in read_sample_books()]
    assert all(isinstance(book, Book) for book in books)
    assert len({book.isbn for book in books if isinstance(book, Book)}) == len(books) == 9277


def test_the_first_samples_are_the_most_read() -> None:
    first, second = read_sample_books(2)
    assert first.title == "The Hunger Games (The Hunger Games, #1)"
    assert second.authors == ("J.K. Rowling", "Mary GrandPré")
    assert (second.year, second.language, second.rating) == (1997, "eng", 4.44)


def test_what_is_not_known_of_a_sample_is_none() -> None:
    samples = read_sample_books()
    assert sum(sample.year is None for sample in samples) == 18
    assert sum(sample.language is None for sample in samples) == 1038
