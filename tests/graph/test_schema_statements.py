"""What lists cost in statements on each kind of database: as much for a hundred as for one, and only what is asked."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.mail import EmlFiles
from app.neighbours import StockOfInventory, TitlesOfCatalog
from app.payments import MockPayments
from app.settings import DOMAINS
from domains.catalog import CatalogService
from domains.inventory import InventoryService
from domains.notifications import NotificationsService
from domains.orders import OrdersService
from domains.sellers import Listing, SellersService
from graph.auth import Role, Viewer
from graph.context import Context, Services
from graph.limits import Limits
from graph.schema import schema
from kernel.cache import InProcessCache
from kernel.clock import utc_now
from kernel.database import Observation, open_database
from tests.databases import KINDS
from tests.journeys import world as worlds
from tests.journeys.world import World, add_books
from tests.many_orders import place_orders

LISTINGS = 40
ORDERS = """{ me { orders(first: 100) { nodes { id number lines {
  title book { title stock { total } offers(first: 5) { nodes { price { amount } seller { displayName } } } }
  seller { displayName } offer { available seller { displayName } book { title } } }
  timeline { event } refunds { id } } } } }"""
BARE = "{ me { orders(first: 100) { nodes { number status total { amount } } } } }"
IN_FRAGMENTS = """query Q { me { orders(first: 100) { edges { node { ...Steps } } } } }
  fragment Steps on Order { number ... on Order { ...More } } fragment More on Order { timeline { event } }"""
LEFT_OUT = "{ me { orders(first: 100) { nodes { number lines @skip(if: true) { id } } } } }"
DESK = """{ me { selling { listings(first: 100) { nodes { price { amount } book { title } stock { available }
  offer { available seller { displayName } } } } } } }"""
MESSAGES = "{ me { notifications(first: 100) { nodes { subject order { number lines { title } } } } } }"


class Counting:
    """A world whose graph is asked over databases that tell of each statement."""

    def __init__(self, services: Services, ran: list[Observation]) -> None:
        self._services = services
        self._ran = ran

    async def statements(self, viewer: str, document: str, *roles: Role) -> Counter[str]:
        """How often each statement runs to answer the document, once the cache holds what it may hold."""
        await self._ask(viewer, document, *roles)
        self._ran.clear()
        await self._ask(viewer, document, *roles)
        return Counter(one.statement for one in self._ran)

    async def _ask(self, subject: str, document: str, *roles: Role) -> None:
        viewer = Viewer(
            subject=subject, issuer="test", email=None, roles=frozenset({Role.BUYER, *roles}),
            expires_at=utc_now() + timedelta(hours=1),
        )  # fmt: skip
        result = await schema.execute(document, context_value=Context.of(self._services, viewer))
        assert result.errors is None


@pytest.fixture(scope="module", params=KINDS)
async def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A world over databases of each kind, whose books nobody audits."""
    settings = {}
    if request.param != "sqlite":
        server = request.getfixturevalue("postgresql")
        server.start()
        settings = {"database_url": server.url(f"{{domain}}_{secrets.token_hex(4)}")}
    async with worlds.opened(tmp_path_factory.mktemp("statements") / "data", **settings) as opened:
        await add_books(opened)
        yield opened


@pytest.fixture(scope="module")
async def listings(world: World) -> list[Listing]:
    """What two sellers offer; the first has one listing alone."""
    _, [alone] = await world.stall(9)
    _, many = await world.stall(*[9] * LISTINGS)
    return [alone, *many]


@pytest.fixture
async def counting(world: World, tmp_path: Path) -> AsyncIterator[Counting]:
    """The graph over the same databases, opened once more."""
    ran: list[Observation] = []
    async with AsyncExitStack() as stack:
        databases = {}
        for name in DOMAINS:
            url = world.shop.settings.database_of(name)
            databases[name] = await open_database(url, name=name, pool_size=2, observe=ran.append)
            stack.push_async_callback(databases[name].close)
        inventory = InventoryService(databases["inventory"], currency="EUR")
        catalog = CatalogService(databases["catalog"], InProcessCache())
        payments = MockPayments(tmp_path / "charges.jsonl")
        services = replace(
            world.shop.services,
            inventory=inventory,
            catalog=catalog,
            orders=OrdersService(
                databases["orders"], StockOfInventory(inventory), TitlesOfCatalog(catalog), payments, currency="EUR"
            ),
            sellers=SellersService(databases["sellers"], currency="EUR"),
            notifications=NotificationsService(
                databases["notifications"], EmlFiles(tmp_path), sender="shop@example.org"
            ),
            limits=Limits(query_cost=1_000_000),
        )
        yield Counting(services, ran)


async def test_a_hundred_orders_cost_as_many_statements_as_one(
    world: World, listings: list[Listing], counting: Counting
) -> None:
    one, many = world.newcomer(), world.newcomer()
    orders = world.shop.databases["orders"]
    await place_orders(orders, one, 1, listings)
    await place_orders(orders, many, 100, listings, first=1)
    most = {
        "domains.orders.views.FIND_OF_BUYER": 1,
        "domains.orders.views.FIND_ORDERS": 1,
        "domains.orders.views.FIND_LINES": 1,
        "domains.orders.views.FIND_ENTRIES": 1,
        "domains.orders.refund_repository.FIND_OF_ORDERS": 1,
        "domains.inventory.repository.FIND_ITEMS": 1,
        "domains.catalog.repository.FIND_BOOKS": 2,
        "domains.sellers.repository.FIND_SELLERS": 3,
    }
    # Two of the three places where sellers stand may be asked for at once, or not: whichever book is there first.
    for buyer in (one, many):
        counted = await counting.statements(buyer, ORDERS)
        assert counted.keys() == most.keys()
        assert all(counted[name] <= most[name] for name in most), counted


async def test_what_is_not_asked_for_is_not_read(world: World, listings: list[Listing], counting: Counting) -> None:
    buyer = world.newcomer()
    await place_orders(world.shop.databases["orders"], buyer, 3, listings, first=1000)
    head = {"domains.orders.views.FIND_OF_BUYER": 1, "domains.orders.views.FIND_ORDERS": 1}
    assert await counting.statements(buyer, BARE) == head
    assert await counting.statements(buyer, IN_FRAGMENTS) == head | {"domains.orders.views.FIND_ENTRIES": 1}
    assert await counting.statements(buyer, LEFT_OUT) == head | {"domains.orders.views.FIND_LINES": 1}


async def test_many_listings_cost_as_many_statements_as_one(listings: list[Listing], counting: Counting) -> None:
    for_one = await counting.statements(listings[0].owner_id, DESK, Role.SELLER)
    assert await counting.statements(listings[1].owner_id, DESK, Role.SELLER) == for_one
    assert sum(for_one.values()) == 5


async def test_many_messages_cost_as_many_statements_as_one(
    world: World, listings: list[Listing], counting: Counting
) -> None:
    for listing in (listings[0], *listings[1:4]):
        await world.buy(world.newcomer(), (listing, 1))
    await world.deliver(worlds.in_order)
    for_one = await counting.statements(listings[0].owner_id, MESSAGES)
    assert await counting.statements(listings[1].owner_id, MESSAGES) == for_one
    assert sum(for_one.values()) == 3
