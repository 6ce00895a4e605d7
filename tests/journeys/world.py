"""A whole marketplace in one process whose events are delivered by hand: in any order, any number of times."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from app.settings import DOMAINS, Settings
from app.subscriptions import SAGA
from app.wiring import Shop, migrate_all, open_shop
from domains.catalog import AddBook
from domains.orders import AddressParts, AddToCart, Checkout, CheckoutCompleted, Order
from domains.sellers import Listing, PublishListing, RegisterSeller, Seller, seller_id_of
from graph.auth import EMBEDDED_ISSUER
from kernel.books import Grade
from kernel.money import Money
from kernel.pages import PageRequest
from messaging import outbox
from messaging.consumer import Consumer
from messaging.deadletters import DeadLetters
from messaging.message import Message
from messaging.subscription import handlers_of

HOBBIT, EMMA = "9780618260300", "9780141439587"
ADDRESS = AddressParts(name="A Buyer", line1="1 Canal Street", postal_code="3511 AB", city="Utrecht", country="NL")
ROUNDS = 60

Shuffle = Callable[[Sequence[Message]], Sequence[Message]]
"""Puts deliveries in an order of its own, and may repeat some."""


class World:
    """The five domains with real databases; nothing moves between them but by `deliver`."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.seen: list[Message] = []
        self._consumers = {
            name: Consumer(database, handlers_of(name, SAGA), attempts=1000, pause=lambda _: 0)
            for name, database in shop.databases.items()
        }

    async def deliver(self, shuffle: Shuffle) -> None:
        """Delivers what the outboxes hold, and all that follows from it, until nothing moves any more."""
        known = {message.id for message in self.seen}
        for _ in range(ROUNDS):
            written = [m for name in DOMAINS for m in await outbox.pending(self.shop.databases[name].read())]
            new = [message for message in written if message.id not in known]
            known.update(message.id for message in new)
            self.seen += new
            for message in shuffle(new):
                await self._hand_over(message)
            retried = sum([await consumer.retry_due() for consumer in self._consumers.values()])
            if not new and not retried:
                return
        raise AssertionError("events go round in circles")

    async def _hand_over(self, message: Message) -> None:
        for consumer in self._consumers.values():
            if message.name in consumer.events:
                await consumer.receive(message)

    async def buy(self, buyer: str, *wanted: tuple[Listing, int]) -> Order:
        """Takes copies through cart and checkout; the order is PAID."""
        orders = self.shop.services.orders
        for listing, quantity in wanted:
            await orders.add_to_cart(AddToCart(buyer_id=buyer, listing_id=listing.id, quantity=quantity))
        cart = await orders.cart_of(buyer)
        outcome = await orders.checkout(
            Checkout(
                buyer_id=buyer, buyer_email=f"{buyer}@example.org", idempotency_key=f"{buyer}-1",
                address=ADDRESS, amount=cart.total, payment_method="card",
            )
        )  # fmt: skip
        assert isinstance(outcome, CheckoutCompleted), outcome
        return outcome.order

    async def facts(self, listings: Sequence[Listing], sellers: Sequence[Seller], orders: Sequence[Order]) -> dict:
        """All that the domains say in the end, but for ids and times that differ from run to run."""
        services = self.shop.services
        stock = await services.inventory.find_items([listing.id for listing in listings])
        offers = await services.catalog.find_offers([HOBBIT, EMMA])
        statistics = await services.sellers.find_sellers([seller.id for seller in sellers])
        ended = await services.orders.find_orders([order.id for order in orders])
        owners = sorted({*(order.buyer_id for order in orders), *(seller.owner_id for seller in sellers)})
        letters = await DeadLetters(self.shop.databases).list()
        return {
            "stock": [(stock[listing.id].on_hand, stock[listing.id].held) for listing in listings],
            "offers": {isbn: sorted((o.price.minor, o.quantity) for o in book.offers) for isbn, book in offers.items()},
            "sellers": [(statistics[s.id].books_sold, statistics[s.id].revenue.minor) for s in sellers],
            "settled": [ended[order.id].settled for order in orders],
            "timelines": [sorted((e.event, e.domain) for e in ended[order.id].timeline) for order in orders],
            "told": {owner: await self._told(owner) for owner in owners},
            "dead": [letter.error for letter in letters.items],
            "open transactions": [database.suspensions for database in self.shop.databases.values()],
        }

    async def _told(self, owner: str) -> list[str]:
        page = await self.shop.services.notifications.messages_of(owner, unread_only=False, page=PageRequest(100))
        return sorted(message.kind for message in page.items)


async def prepare(folder: Path) -> tuple[list[Listing], list[Seller]]:
    """A data folder with two sellers and three listings, all known everywhere."""
    async with opened(folder) as world:
        services = world.shop.services
        await services.catalog.add_books(
            [
                AddBook(isbn=HOBBIT, title="The Hobbit", authors=("J.R.R. Tolkien",)),
                AddBook(isbn=EMMA, title="Emma", authors=("Jane Austen",)),
            ]
        )
        sellers = await services.sellers.register_many(
            [
                RegisterSeller(owner_id=owner, issuer=EMBEDDED_ISSUER, email=f"{owner}@example.org", display_name=owner)
                for owner in ("mara", "jonas")
            ]
        )
        await world.deliver(in_order)
        listings = await services.sellers.publish_many(
            [_listing("mara", HOBBIT, 1200, 2), _listing("jonas", HOBBIT, 900, 1), _listing("jonas", EMMA, 500, 5)]
        )
        await world.deliver(in_order)
        await services.catalog.refresh_cache()
        assert {s.id for s in sellers} == {seller_id_of(EMBEDDED_ISSUER, owner) for owner in ("mara", "jonas")}
        return listings, sellers


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[World]:
    """The world whose data are in the folder."""
    settings = Settings.load(data=folder)
    await migrate_all(settings)
    async with open_shop(settings) as shop:
        world = World(shop)
        world.seen = [m for name in DOMAINS for m in await outbox.pending(shop.databases[name].read())]
        yield world


@asynccontextmanager
async def copied(prepared: Path, folder: Path) -> AsyncIterator[World]:
    """A world of its own that begins as the prepared one ended."""
    shutil.copytree(prepared, folder)
    try:
        async with opened(folder) as world:
            yield world
    finally:
        shutil.rmtree(folder)


def in_order(messages: Sequence[Message]) -> Sequence[Message]:
    """Each once, as they were written."""
    return messages


def _listing(owner: str, isbn: str, price: int, quantity: int, identifier: UUID | None = None) -> PublishListing:
    return PublishListing(
        owner_id=owner, isbn=isbn, grade=Grade.GOOD, price=Money(price, "EUR"),
        location="Utrecht", quantity=quantity, id=identifier,
    )  # fmt: skip
