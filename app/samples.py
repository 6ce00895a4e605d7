"""The sample shop: real books, a dozen sellers with a few thousand listings, two buyers; the same on every machine.

Everything goes through the domains' own commands and flows by events, as it does for anybody else. Loading again adds
nothing, so a first start that was cut short is finished by the next one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar
from uuid import NAMESPACE_URL, uuid5

from app.wiring import Shop
from domains.catalog import AddBook, read_sample_books
from domains.orders import Cart, SetCartLine
from domains.sellers import PublishListing, RegisterSeller
from graph.auth import EMBEDDED_ISSUER
from graph.context import Services
from kernel.books import Grade
from kernel.money import Money
from messaging import outbox

T = TypeVar("T")

SEED = 20261122
CHUNK = 250
BUYERS = ("alice", "ben")
CART_LINES = 2
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
    for chunk in _chunks(listings):
        await loading.until(partial(_can_be_listed, services, chunk))
        await services.sellers.publish_many(chunk)
        await loading.wrote(EVENTS_OF_A_LISTING * len(chunk))
    await loading.until(loading.all_is_sent)
    for chunk in _chunks(listings):
        await loading.until(partial(_is_offered, services, chunk))
    await _fill_cart(services, listings)
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

    async def until(self, arrived: Callable[[], Awaitable[bool]]) -> None:
        """Returns once the events that bring something about have done so."""
        while not await arrived():
            await self._waiting()
            await asyncio.sleep(POLL_SECONDS)

    async def all_is_sent(self) -> bool:
        """Whether no event waits to be sent; who consumes it may be slower."""
        return not await self._waiting()

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


async def _can_be_listed(services: Services, listings: Sequence[PublishListing]) -> bool:
    """Whether sellers have heard of the books."""
    isbns = {listing.isbn for listing in listings}
    return await services.sellers.known_books(isbns) == isbns


async def _is_offered(services: Services, listings: Sequence[PublishListing]) -> bool:
    """Whether inventory has heard of the listings, and the catalogue of what that made of their books."""
    ids = [listing.id for listing in listings if listing.id]
    if len(await services.inventory.find_items(ids)) < len(ids):
        return False
    isbns = list({listing.isbn for listing in listings})
    shown = await services.catalog.find_offers(isbns)
    stocks = await services.inventory.find_stock(isbns)
    return all(isbn in shown and shown[isbn].version >= stock.version for isbn, stock in stocks.items())


async def _fill_cart(services: Services, listings: Sequence[PublishListing]) -> None:
    """The second buyer has something in the cart, so that there is a cart to look at."""
    _, buyer = BUYERS
    cart = await services.orders.cart_of(buyer)
    for listing in listings:
        if len(cart.lines) >= CART_LINES:
            return
        assert listing.id is not None
        changed = await services.orders.set_cart_line(SetCartLine(buyer_id=buyer, listing_id=listing.id, quantity=1))
        cart = changed if isinstance(changed, Cart) else cart  # this one is sold out or withdrawn
