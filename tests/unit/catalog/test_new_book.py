"""What a book's description may say."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.catalog.model import AddBook, Book, language_tag, new_book
from kernel.errors import InvalidField

GOOD = AddBook(isbn="9780141439587", title="Emma", authors=("Jane Austen",))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"isbn": "9780141439588"}, "isbn"),
        ({"isbn": ""}, "isbn"),
        ({"isbn": "٩٧٨٠١٤١٤٣٩٥٨٧"}, "isbn"),
        ({"title": " \t "}, "title"),
        ({"title": "x" * 501}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"title": "a\nb"}, "title"),
        ({"title": "a\ud800b"}, "title"),
        ({"authors": ()}, "authors"),
        ({"authors": ("Jane", "")}, "authors"),
        ({"authors": ("x" * 201,)}, "authors"),
        ({"authors": ("Jane",) * 101}, "authors"),
        ({"year": 2101}, "year"),
        ({"year": -3001}, "year"),
        ({"language": "English please"}, "language"),
        ({"language": ""}, "language"),
        ({"language": "e1"}, "language"),
        ({"language": "en-"}, "language"),
        ({"language": "en-" + "-".join(["abcdefgh"] * 5)}, "language"),
        ({"rating": -0.1}, "rating"),
        ({"rating": 5.01}, "rating"),
        ({"rating": float("nan")}, "rating"),
    ],
)
def test_a_field_that_cannot_be_is_named(change: dict, path: str) -> None:
    answer = new_book(replace(GOOD, **change))
    assert isinstance(answer, tuple)
    assert [problem.path for problem in answer] == [("input", path)]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    answer = new_book(AddBook(isbn="1", title="", authors=(), year=9999, language="?", rating=6))
    assert isinstance(answer, tuple)
    assert all(isinstance(problem, InvalidField) and problem.message for problem in answer)
    assert [problem.path[-1] for problem in answer] == ["isbn", "title", "authors", "language", "year", "rating"]


def test_texts_are_stripped_and_an_old_isbn_is_converted() -> None:
    book = new_book(replace(GOOD, isbn=" 0-14-143958-0 ", title=" Emma ", authors=(" Jane Austen ",)))
    assert book == Book("9780141439587", "Emma", ("Jane Austen",), None, None, None, version=1)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("eng", "en"),
        ("EN", "en"),
        ("en_us", "en-US"),
        ("ger", "de"),
        ("pt-br", "pt-BR"),
        ("zh-Hant", "zh-Hant"),
        ("fil", "fil"),
    ],
)
def test_languages_get_their_shortest_code(text: str, tag: str) -> None:
    assert language_tag(text) == tag
    assert language_tag(tag) == tag


@given(
    st.text(st.characters()), st.lists(st.text(st.characters())), st.integers(), st.floats(), st.text(st.characters())
)
def test_any_description_is_a_book_or_refused(
    title: str, authors: list[str], year: int, rating: float, language: str
) -> None:
    command = AddBook(isbn=GOOD.isbn, title=title, authors=tuple(authors), year=year, rating=rating, language=language)
    answer = new_book(command)
    if isinstance(answer, Book):
        assert (answer.title, answer.authors) == (title.strip(), tuple(author.strip() for author in authors))
    else:
        assert answer
