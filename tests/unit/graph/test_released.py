"""Changes of the schema: which break clients of the last release, and which may be made."""

from __future__ import annotations

import pytest

from graph.released import broken_promises, undated_deprecations

RELEASED = """
  type Query { book(isbn: String!, edition: Int = 1, old: Int @deprecated(reason: "since 2026-01-31")): Book node: Node
    former: Former @deprecated(reason: "Ask for `book`; it goes after 2026-06-30.") }
  interface Node { id: ID! }
  type Book implements Node { id: ID! title: String! price: Int year: Int @deprecated(reason: "gone since 2026-02-01") }
  type Former { place: Place! }
  type Place { city: String }
  enum Condition { NEW GOOD WORN @deprecated(reason: "say GOOD, from 2026-03-01 on") }
  input AddBook { title: String! condition: Condition }
  type BookAdded { book: Book! }
  type Refused { message: String! }
  union AddBookResult = BookAdded | Refused
  type Mutation { addBook(input: AddBook!): AddBookResult }
"""


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("price: Int", "price: Int currency: String"),
        ("price: Int", "price: Int!"),
        ("edition: Int = 1", "edition: Int = 1, language: String"),
        ("title: String! condition: Condition }", "title: String! condition: Condition language: String }"),
        ("NEW GOOD WORN", "NEW GOOD FAIR WORN"),
        ("BookAdded | Refused", "BookAdded | Refused | Book"),
        ("price: Int ", 'price: Int @deprecated(reason: "since 2026-05-01") '),
        (' year: Int @deprecated(reason: "gone since 2026-02-01")', ""),
        (', old: Int @deprecated(reason: "since 2026-01-31")', ""),
        (' WORN @deprecated(reason: "say GOOD, from 2026-03-01 on")', ""),
        ('former: Former @deprecated(reason: "Ask for `book`; it goes after 2026-06-30.")', ""),
        ("type Place { city: String }", "type Place { town: String }"),
    ],
)
def test_what_adds_or_removes_what_was_deprecated_breaks_nobody(was: str, becomes: str) -> None:
    assert broken_promises(RELEASED, changed(was, becomes)) == []


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("price: Int ", "", "Field Book.price was removed."),
        ("price: Int ", "price: String ", "Field Book.price changed type from Int to String."),
        ("title: String! price", "title: String price", "Field Book.title changed type from String! to String."),
        ("edition: Int = 1, ", "", "Argument Query.book(edition:) was removed."),
        ("edition: Int = 1", "edition: Int = 2", "Query.book(edition:) has changed defaultValue from 1 to 2."),
        ("edition: Int = 1", "edition: Int!", "Argument Query.book(edition:) has changed type from Int to Int!."),
        ("isbn: String!", "isbn: String!, by: ID!", "A required argument Query.book(by:) was added."),
        ("condition: Condition }", "condition: Condition by: ID! }", "A required field AddBook.by was added."),
        ("NEW GOOD", "NEW", "Enum value Condition.GOOD was removed."),
        ("BookAdded | Refused", "BookAdded", "Refused was removed from union type AddBookResult."),
        ("Book implements Node", "Book", "Book no longer implements interface Node."),
        ("addBook(", "putBook(", "Field Mutation.addBook was removed."),
    ],
)
def test_what_takes_something_away_breaks_a_promise(was: str, becomes: str, said: str) -> None:
    assert broken_promises(RELEASED, changed(was, becomes)) == [said]


def test_a_deprecation_says_its_date() -> None:
    assert undated_deprecations(RELEASED) == []
    served = changed("price: Int", 'price: Int @deprecated(reason: "Use cost.")')
    assert undated_deprecations(served) == ["Book.price is deprecated without a date in its reason."]
    served = changed("edition: Int = 1", 'edition: Int = 1 @deprecated(reason: "soon")')
    assert undated_deprecations(served) == ["Query.book(edition:) is deprecated without a date in its reason."]


def changed(was: str, becomes: str) -> str:
    """The released schema with one change."""
    assert RELEASED.count(was) == 1
    return RELEASED.replace(was, becomes)
