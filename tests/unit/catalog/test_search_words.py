"""How a text is cut into words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.catalog.words import WORD_LENGTH, index_words_of, sort_key, words_of

TEXTS = st.text(st.characters())  # lone surrogates too


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Hobbit", ["the", "hobbit"]),
        ("Brontë, ÉMILE; naïve", ["bronte", "emile", "naive"]),
        ("Straße \N{LATIN SMALL LIGATURE FI}n №5", ["strasse", "fin", "no5"]),
        ("to be or not to be", ["to", "be", "or", "not"]),
        ("snake_case #1", ["snake", "case", "1"]),
        ("日本語 हिन्दी عربي", ["日本語", "हनद", "عربي"]),
        ("?! \0 \ud800", []),
        ("", []),
    ],
)
def test_words_are_letters_and_digits_without_accents_and_case(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("O'Brien", {"o", "brien", "obrien"}),
        ("J.R.R. Tolkien", {"j", "r", "jrr", "tolkien"}),
        ("Catch-22", {"catch", "22", "catch22"}),
        ("Dot. Com", {"dot", "com"}),
        ("and -- or", {"and", "or"}),
    ],
)
def test_compounds_are_indexed_with_and_without_their_marks(text: str, words: set[str]) -> None:
    assert index_words_of(text) == words


def test_long_words_are_cut_alike_in_index_and_search() -> None:
    assert words_of("a" * 1000) == ["a" * WORD_LENGTH]
    assert index_words_of("b'" + "a" * 1000) == {"b", "a" * WORD_LENGTH, "b" + "a" * (WORD_LENGTH - 1)}


@pytest.mark.parametrize(
    ("title", "key"),
    [('"The" Émile & Co', "the emile co"), ("to be or not to be", "to be or not to be"), ("#$!", "#$!")],
)
def test_titles_are_sorted_by_their_words(title: str, key: str) -> None:
    assert sort_key(title) == key


@given(TEXTS)
def test_every_text_can_be_cut_and_its_words_are_words(text: str) -> None:
    words = words_of(text)
    assert [cut for word in words for cut in words_of(word)] == words
    assert set(words) <= index_words_of(text)
    assert all(word.encode() and "\0" not in word for word in index_words_of(text))
