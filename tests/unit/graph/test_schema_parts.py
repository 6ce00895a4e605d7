"""The small parts of the schema: ids, pages of lists that are here as a whole, and how operations are called."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.nodes import NotAnId, decode_id, encode_id, split_id
from graph.operation import operation_label
from graph.schema.connections import page_of
from kernel.pages import InvalidCursor, PageRequest


def test_an_id_leads_back_to_its_kind_and_key() -> None:
    key = uuid4()
    assert decode_id(encode_id("Order", key), "Order") == key
    assert split_id(encode_id("Book", "9780306406157")) == ("Book", "9780306406157")


def test_an_id_of_another_kind_is_told_in_a_sentence() -> None:
    with pytest.raises(NotAnId, match="this is not the id of an order"):
        decode_id(encode_id("Book", uuid4()), "Order")
    with pytest.raises(NotAnId, match="this is not the id of a listing"):
        decode_id(encode_id("Book", uuid4()), "Listing")


@given(st.text())
def test_no_other_text_is_an_id(text: str) -> None:
    with pytest.raises(NotAnId):
        decode_id(text, "Order")


@given(st.lists(st.integers(0, 5)), st.integers(1, 4))
def test_pages_of_a_list_give_all_of_it_once(numbers: list[int], size: int) -> None:
    items = sorted((number, str(place)) for place, number in enumerate(numbers))
    found, after, more = [], None, True
    while more:
        page = page_of(items, PageRequest(first=size, after=after), lambda item: item)
        found += page.items
        after, more = (page.cursors or [None])[-1], page.has_next
    assert found == items


def test_a_cursor_of_another_list_is_invalid() -> None:
    with pytest.raises(InvalidCursor):
        page_of([(1, "a")], PageRequest(after="W10"), lambda item: item)


@pytest.mark.parametrize(
    ("document", "name", "label"),
    [
        ("query Books { books { nodes { isbn } } }", None, "Books"),
        ("query A { x } query B { x }", "B", "B"),
        ("{ me { id } }", None, None),
        ("{ me { id } }", "no name at all", None),
        ("subscription\n Watch($a: ID!) { x }", None, "Watch"),
    ],
)
def test_an_operation_is_called_by_its_name(document: str, name: str | None, label: str | None) -> None:
    assert operation_label(document, name) == label
