"""The sample shop: real books, a dozen sellers with a few thousand listings, two buyers; the same on every machine.

Everything goes through the domains' own commands and flows by events, as it does for anybody else. Loading again adds
nothing, so a first start that was cut short is finished by the next one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from uuid import NAMESPACE_URL, uuid5

from app.wiring import Shop
from domains.catalog import AddBook, read_sample_books
from domains.orders import AddToCart
from domains.sellers import PublishListing, RegisterSeller
from graph.auth import EMBEDDED_ISSUER
from kernel.books import Grade
from kernel.money import Money
from messaging import outbox

T = TypeVar("T")

SEED = 20261122
CHUNK = 250
BUYERS = ("alice", "ben")
STALLS = (
    ("mara", "Mara's Attic", "Utrecht"),
    ("jonas", "Jonas Antiquariat", "Leipzig"),
    ("lucia", "Libros de Lucía", "Salamanca"),
    ("owen", "Owen's Second Shelf", "Hay-on-Wye"),
    ("chloe", "Chez Chloé", "Lyon"),
    ("piotr", "Piotr's Paperbacks", "Kraków"),
    ("signe", "Signe's Bogkælder", "Aarhus"),
    ("tomas", "Tomáš Reads", "Brno"),
    ("giulia", "Giulia Libri Usati", "Bologna"),
    ("niamh", "Niamh's Nook", "Galway"),
    ("elin", "Elins Hylla", "Uppsala"),
    ("rui", "Rui dos Livros", "Coimbra"),
)
"""Owner (the name of a token), display name and town of each sample seller."""
GRADES = (Grade.NEW, Grade.LIKE_NEW, Grade.VERY_GOOD, Grade.GOOD, Grade.ACCEPTABLE)
GRADE_SHARES = (8, 20, 30, 30, 12)
WORTH = {Grade.NEW: 1.0, Grade.LIKE_NEW: 0.8, Grade.VERY_GOOD: 0.65, Grade.GOOD: 0.5, Grade.ACCEPTABLE: 0.35}
"""What a copy costs beside a new one."""
NEW_PRICES = range(790, 2890, 50)
"""What new copies cost, in minor units."""
POLL_SECONDS = 0.05

EVENTS_OF_A_LISTING = 3
"""It is published, it changes an item's stock, and with that its book's."""

Show = Callable[[int, int], None]
"""Told how many of the sample shop's events have arrived, and of how many."""


async def load_samples(shop: Shop, show: Show) -> str:
    """Loads the sample shop and waits until its events have arrived everywhere; says what it has."""
    books = read_sample_books(shop.settings.sample_books)
    listings = list(sample_listings(books, shop.settings.currency))
    services = shop.services
    loading = _Loading(shop, show, len(books) + len(STALLS) + EVENTS_OF_A_LISTING * len(listings))
    for chunk in _chunks(books):
        await services.catalog.add_books(chunk)
        await loading.wrote(len(chunk))
    await services.sellers.register_many([_stall(*stall) for stall in STALLS])
    await loading.wrote(len(STALLS))
    await loading.arrived()  # a listing needs a known book, and that news travels by events
    for chunk in _chunks(listings):
        await services.sellers.publish_many(chunk)
        await loading.wrote(EVENTS_OF_A_LISTING * len(chunk))
    await loading.arrived()
    await _fill_cart(shop, listings)
    return f"{len(books)} books, {len(STALLS)} sellers, {len(listings)} listings, {len(BUYERS)} buyers"


class _Loading:
    """How far the events of the sample shop have come."""

    def __init__(self, shop: Shop, show: Show, expected: int) -> None:
        self._databases = shop.databases
        self._show = show
        self._expected = expected
        self._written = 0

    async def wrote(self, events: int) -> None:
        """So many more events will follow from what was written now."""
        self._written += events
        await self._waiting()

    async def arrived(self) -> None:
        """Returns once no event is on its way."""
        while True:
            if not await self._waiting():
                return
            await asyncio.sleep(POLL_SECONDS)

    async def _waiting(self) -> int:
        waiting = {name: (await outbox.lag(db.read())).waiting for name, db in self._databases.items()}
        to_follow = (EVENTS_OF_A_LISTING - 1) * waiting["sellers"]
        self._show(max(0, self._written - sum(waiting.values()) - to_follow), self._expected)
        return sum(waiting.values())


def sample_listings(books: Sequence[AddBook], currency: str) -> Iterator[PublishListing]:
    """One to five offers of each book, by different sellers."""
    chance = random.Random(SEED)  # noqa: S311
    for book in books:
        new_price = chance.choice(NEW_PRICES)
        for owner, _, town in chance.sample(STALLS, k=chance.choice((1, 2, 2, 3, 3, 4, 5))):
            grade = chance.choices(GRADES, GRADE_SHARES)[0]
            yield PublishListing(
                id=uuid5(NAMESPACE_URL, f"bookstall-sample:{owner}:{book.isbn}"),
                owner_id=owner,
                isbn=book.isbn,
                grade=grade,
                price=Money(round(new_price * WORTH[grade] * chance.uniform(0.85, 1.15) / 5) * 5, currency),
                location=town,
                quantity=chance.choice((1, 1, 1, 2, 2, 3, 5)),
            )


def _stall(owner: str, display_name: str, _town: str) -> RegisterSeller:
    return RegisterSeller(
        owner_id=owner, issuer=EMBEDDED_ISSUER, email=f"{owner}@example.org", display_name=display_name
    )


def _chunks(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


async def _fill_cart(shop: Shop, listings: Sequence[PublishListing]) -> None:
    """The second buyer has something in the cart, so that there is a cart to look at."""
    orders, (_, buyer) = shop.services.orders, BUYERS
    if not (await orders.cart_of(buyer)).lines:
        for listing in listings[:2]:
            if listing.id is not None:
                await orders.add_to_cart(AddToCart(buyer_id=buyer, listing_id=listing.id, quantity=1))
