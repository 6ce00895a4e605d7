"""A whole marketplace in one process whose events and sweeps come by hand: in any order, any number of times."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from app.data_folder import DataFolder
from app.neighbours import StockOfInventory, TitlesOfCatalog
from app.payments import MockPayments
from app.settings import DOMAINS, Settings
from app.subscriptions import SAGA
from app.wiring import Shop, migrate_all, open_shop
from domains.catalog import AddBook
from domains.inventory.model import StockState
from domains.inventory.tables import stock_orders
from domains.orders import AddressParts, AddToCart, Checkout, CheckoutCompleted, CheckoutOutcome, Order, OrdersService
from domains.orders.tables import orders as orders_table
from domains.orders.tables import refunds as refunds_table
from domains.sellers import Listing, PublishListing, RegisterSeller, Seller
from graph.auth import EMBEDDED_ISSUER
from kernel.books import Grade
from kernel.columns import in_seconds, now, params
from kernel.database import Statement
from kernel.money import Money
from messaging import outbox
from messaging.consumer import Consumer
from messaging.message import Message
from messaging.subscription import handlers_of
from messaging.tables import outbox as outbox_table
from tests.databases import KINDS
from tests.faults.ledger import broken_at_rest

HOBBIT, EMMA = "9780618260300", "9780141439587"
ADDRESS = AddressParts(name="A Buyer", line1="1 Canal Street", postal_code="3511 AB", city="Utrecht", country="NL")
ROUNDS = 60

Shuffle = Callable[[Sequence[Message]], Sequence[Message]]
"""Puts deliveries in an order of its own, and may repeat some."""
Hook = Callable[[str], Awaitable[None]]
"""Is told each point that the world passes: before and after a call of a port, and a delivery."""


class CountRow(NamedTuple):
    """How many there are."""

    rows: int


_LATE = in_seconds(-1)
_LOOKED_AFTER, _REFUNDS_DUE = orders_table.c.look_at.is_not(None), refunds_table.c.next_at.is_not(None)
LET_ORDERS_WAIT = Statement(update(orders_table).where(_LOOKED_AFTER).values(look_at=_LATE))
LET_BUYERS_WAIT = Statement(
    update(orders_table).where(orders_table.c.action_deadline.is_not(None)).values(action_deadline=_LATE)
)
LET_REFUNDS_WAIT = Statement(update(refunds_table).where(_REFUNDS_DUE).values(next_at=_LATE))
LET_HOLDS_END = Statement(update(stock_orders).where(stock_orders.c.state == StockState.HELD).values(expires_at=_LATE))
UNFINISHED = Statement(
    select(func.count().label("rows")).select_from(
        select(orders_table.c.id)
        .where(_LOOKED_AFTER)
        .union_all(select(refunds_table.c.id).where(_REFUNDS_DUE))
        .subquery()
    ),
    CountRow,
)
MARK_SENT = Statement(
    update(outbox_table).where(outbox_table.c.id.in_(params(outbox_table.c.id, "ids"))).values(sent_at=now())
)


async def nothing_happens(point: str) -> None:
    """Nobody interferes."""


class Watched:
    """A port that tells the world when a call begins and when it has ended."""

    def __init__(self, world: World, port: Any) -> None:
        self._world = world
        self._port = port

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any) -> Any:
            await self._world.at(f"{name}.before")
            answer = await getattr(self._port, name)(*arguments)
            await self._world.at(f"{name}.after")
            return answer

        return call


class World:
    """The five domains with real databases; nothing moves between them, and no sweep comes, but by hand."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.at: Hook = nothing_happens
        self.seen: list[Message] = []
        self.waiting: list[Message] = []
        """Events that are written and not yet delivered."""
        self.inventory = shop.services.inventory
        stock: Any = Watched(self, StockOfInventory(self.inventory))
        payments: Any = Watched(self, MockPayments(DataFolder(shop.settings.data).charges))
        self.orders = OrdersService(
            shop.databases["orders"], stock, TitlesOfCatalog(shop.services.catalog), payments, currency="EUR"
        )
        self._consumers = {
            name: Consumer(database, handlers_of(name, SAGA), attempts=1000, pause=lambda _: 0)
            for name, database in shop.databases.items()
        }
        self._numbers = count(1)

    # --- events

    async def deliver(self, shuffle: Shuffle) -> None:
        """Delivers what the outboxes hold, and all that follows from it, until nothing moves any more."""
        for _ in range(ROUNDS):
            await self.collect()
            new, self.waiting = self.waiting, []
            for message in shuffle(new):
                await self.hand_over(message)
            if not await self.retry() and not new:
                return
        raise AssertionError("events go round in circles")

    async def collect(self) -> None:
        """Takes what is new out of the outboxes; it waits to be delivered."""
        for name in DOMAINS:
            database = self.shop.databases[name]
            if new := await outbox.pending(database.read()):
                await database.write(MARK_SENT, ids=[message.id for message in new])
                self.waiting += new
                self.seen += new

    async def retry(self) -> int:
        """Tries again what failed before; how many events were."""
        return sum([await consumer.retry_due() for consumer in self._consumers.values()])

    async def hand_over(self, message: Message) -> None:
        """Delivers an event to every domain that consumes it."""
        for name, consumer in self._consumers.items():
            if message.name in consumer.events:
                await self.at(f"{name}/{message.name}.before")
                await consumer.receive(message)
                await self.at(f"{name}/{message.name}.after")

    # --- time

    async def holds_run_out(self) -> None:
        """What is held is past its time."""
        await self.shop.databases["inventory"].write(LET_HOLDS_END)

    async def holds_expire(self) -> None:
        """What is held is past its time, and the sweep has come."""
        await self.holds_run_out()
        while await self.inventory.expire_holds():
            continue

    async def everybody_waits(self) -> None:
        """So long that orders, buyers' actions and refunds are due to be looked after."""
        for statement in (LET_ORDERS_WAIT, LET_BUYERS_WAIT, LET_REFUNDS_WAIT):
            await self.shop.databases["orders"].write(statement)

    async def comes_to_rest(self) -> None:
        """Time passes, sweeps come and events arrive until there is nothing left to do."""
        for _ in range(ROUNDS):
            await self.deliver(in_order)
            left = await self.shop.databases["orders"].read().one(UNFINISHED)
            if left is not None and not left.rows:
                await self.holds_expire()
                await self.deliver(in_order)
                await self.shop.services.catalog.refresh_cache()
                return
            await self.everybody_waits()
            await self.orders.finish_stale()
            await self.orders.finish_refunds()
        raise AssertionError("orders or refunds never end")

    # --- people

    async def stall(self, *copies: int) -> tuple[Seller, list[Listing]]:
        """A new seller with a listing of so many copies each, known everywhere."""
        owner = f"seller-{next(self._numbers)}"
        sellers = self.shop.services.sellers
        [seller] = await sellers.register_many([registration(owner)])
        await self.deliver(in_order)
        listings = await sellers.publish_many(
            [listing_of(owner, (HOBBIT, EMMA)[place % 2], 999 + 100 * place, few) for place, few in enumerate(copies)]
        )
        await self.deliver(in_order)
        return seller, listings

    async def tries_to_buy(self, buyer: str, *wanted: tuple[Listing, int], method: str = "card") -> CheckoutOutcome:
        """Takes copies through cart and checkout; what came of it."""
        for listing, quantity in wanted:
            await self.orders.add_to_cart(AddToCart(buyer_id=buyer, listing_id=listing.id, quantity=quantity))
        cart = await self.orders.cart_of(buyer)
        return await self.orders.checkout(
            Checkout(
                buyer_id=buyer, buyer_email=f"{buyer}@example.org", idempotency_key=f"{buyer}-1",
                address=ADDRESS, amount=cart.total, payment_method=method,
            )
        )  # fmt: skip

    async def buy(self, buyer: str, *wanted: tuple[Listing, int]) -> Order:
        """Takes copies through cart and checkout; the order is PAID."""
        outcome = await self.tries_to_buy(buyer, *wanted)
        assert isinstance(outcome, CheckoutCompleted), outcome
        return outcome.order

    def newcomer(self) -> str:
        """A buyer who has never bought."""
        return f"buyer-{next(self._numbers)}"


async def add_books(world: World) -> None:
    """The books that there are."""
    await world.shop.services.catalog.add_books(
        [
            AddBook(isbn=HOBBIT, title="The Hobbit", authors=("J.R.R. Tolkien",)),
            AddBook(isbn=EMMA, title="Emma", authors=("Jane Austen",)),
        ]
    )
    await world.deliver(in_order)


@asynccontextmanager
async def opened(folder: Path, **settings: str) -> AsyncIterator[World]:
    """The world whose data are in the folder, and on a server where the settings say so."""
    loaded = Settings.load(data=folder, **settings)
    await migrate_all(loaded)
    async with open_shop(loaded) as shop:
        yield World(shop)


@pytest.fixture(scope="module", params=KINDS)
async def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A world over databases of each kind, in which every test has a stall of its own; its books are audited."""
    settings = {}
    if request.param != "sqlite":
        server = request.getfixturevalue("postgresql")
        server.start()
        settings = {"database_url": server.url(f"{{domain}}_{secrets.token_hex(4)}")}
    async with opened(tmp_path_factory.mktemp("world") / "data", **settings) as world:
        await add_books(world)
        yield world
        while await world.shop.services.notifications.deliver_due():
            continue
        await world.deliver(in_order)
        assert await broken_at_rest(world.shop.settings) == {}


def in_order(messages: Sequence[Message]) -> Sequence[Message]:
    """Each once, as they were written."""
    return messages


def registration(owner: str) -> RegisterSeller:
    """Somebody who will sell."""
    return RegisterSeller(owner_id=owner, issuer=EMBEDDED_ISSUER, email=f"{owner}@example.org", display_name=owner)


def listing_of(owner: str, isbn: str, price: int, quantity: int, identifier: UUID | None = None) -> PublishListing:
    return PublishListing(
        owner_id=owner, isbn=isbn, grade=Grade.GOOD, price=Money(price, "EUR"),
        location="Utrecht", quantity=quantity, id=identifier,
    )  # fmt: skip
