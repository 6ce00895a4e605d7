"""Cursors that no list gave out: each list refuses them, and none stumbles."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import orjson
import pytest

from tests.builders import Person, Shop

KEYS = [None, -1, 1.5, 2**63, "", "\0", "x" * 3000, "0190a5d0-0000-7000-8000-000000000000", "2026-01-01T00:00:00Z", []]
BOOKS = "query ($after: String) {{ books({which}after: $after) {{ nodes {{ isbn }} }} }}"
DESK = "query ($after: String) {{ me {{ selling {{ {list}(after: $after) {{ nodes {{ id }} }} }} }} }}"
MINE = "query ($after: String) {{ me {{ {list}(after: $after) {{ nodes {{ id }} }} }} }}"
LETTERS = "query ($after: String) { me { operating { deadLetters(after: $after) { nodes { id } } } } }"
OFFERS = "query ($after: String) {{ book(isbn: {isbn}) {{ offers(after: $after) {{ nodes {{ id }} }} }} }}"


def cursor(*keys: object) -> str:
    """A cursor of keys as a list would have made it."""
    return urlsafe_b64encode(orjson.dumps(keys)).rstrip(b"=").decode()


async def refuses_strange_cursors(person: Person, document: str, keys: int) -> None:
    """No cursor of these keys is taken for one, whatever is in it."""
    cursors = ["x", "💥", cursor(), *(cursor(*[key] * keys) for key in (None, 1.5, "\0", [])), cursor(*[None] * 9)]
    for strange in cursors:
        assert await codes_of(person, document, strange) == ["BAD_USER_INPUT"], strange


async def codes_of(person: Person, document: str, after: str) -> list[str]:
    """The codes of the errors that a page after this cursor is answered with."""
    answer = (await person.send(document, after=after)).json()
    return [error["extensions"]["code"] for error in answer.get("errors", ())]


@pytest.mark.parametrize("order", ["RELEVANCE", "TITLE", "YEAR", "RATING", "PRICE"])
@pytest.mark.parametrize("search", ["", 'search: "the", ', "filter: { available: true }, "])
async def test_a_strange_cursor_is_no_place_among_books(shop: Shop, order: str, search: str) -> None:
    await refuses_strange_cursors(shop.stranger(), BOOKS.format(which=f"{search}orderBy: {order}, "), 3)


async def test_a_strange_cursor_is_no_place_among_offers(shop: Shop) -> None:
    isbn = (await shop.offer()).isbn
    await refuses_strange_cursors(shop.stranger(), OFFERS.format(isbn=f'"{isbn}"'), 2)


@pytest.mark.parametrize("list", ["orders", "notifications"])
async def test_a_strange_cursor_is_no_place_among_one_s_own(shop: Shop, list: str) -> None:
    await refuses_strange_cursors(shop.buyer(), MINE.format(list=list), 1)


@pytest.mark.parametrize("list", ["listings", "sales"])
async def test_a_strange_cursor_is_no_place_on_a_seller_s_desk(shop: Shop, list: str) -> None:
    await refuses_strange_cursors(await shop.seller(), DESK.format(list=list), 2)


async def test_a_strange_cursor_is_no_place_among_dead_letters(shop: Shop) -> None:
    await refuses_strange_cursors(shop.operator(), LETTERS, 1)


async def test_a_cursor_of_plausible_keys_never_breaks_a_list(shop: Shop) -> None:
    seller, isbn = await shop.seller(), (await shop.offer()).isbn
    lists = [
        (seller, MINE.format(list="orders"), 1),
        (seller, MINE.format(list="notifications"), 1),
        (seller, DESK.format(list="listings"), 2),
        (seller, DESK.format(list="sales"), 2),
        (seller, OFFERS.format(isbn=f'"{isbn}"'), 2),
        (shop.operator(), LETTERS, 1),
        (seller, BOOKS.format(which=""), 3),
    ]
    for person, document, keys in lists:
        for first in KEYS:
            for second in KEYS if keys > 1 else KEYS[:1]:
                codes = await codes_of(person, document, cursor(*[first, second, second][:keys]))
                assert codes in ([], ["BAD_USER_INPUT"]), (document, first, second)
