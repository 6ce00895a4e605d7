"""A whole purchase ends the same however its events are shuffled and repeated."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from domains.orders import Order
from domains.sellers import ChangeListing, Listing, Seller
from kernel.money import Money
from kernel.pages import PageRequest
from messaging.deadletters import DeadLetters
from tests.journeys.world import EMMA, HOBBIT, Shuffle, World, add_books, in_order, listing_of, opened, registration


class Prepared(NamedTuple):
    folder: Path
    listings: list[Listing]
    sellers: list[Seller]
    numbers: count


@pytest.fixture(scope="module")
async def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("world") / "prepared"
    listings, sellers = await prepare(folder)
    return Prepared(folder, listings, sellers, count())


async def two_purchases_and_a_new_price(prepared: Prepared, shuffle: Shuffle) -> dict:
    """Ann buys from both sellers, and Ben the rest of one listing, while a third listing changes its price."""
    mara_hobbit, jonas_hobbit, jonas_emma = prepared.listings
    async with copied(prepared.folder, prepared.folder.with_name(f"copy-{next(prepared.numbers)}")) as world:
        ann = await world.buy("ann", (mara_hobbit, 1), (jonas_hobbit, 1))
        ben = await world.buy("ben", (mara_hobbit, 1))
        change = ChangeListing(
            owner_id="jonas", listing_id=jonas_emma.id, version=jonas_emma.version, price=Money(650, "EUR")
        )
        assert isinstance(await world.shop.services.sellers.change_listing(change), Listing)
        await world.deliver(shuffle)
        await world.shop.services.catalog.refresh_cache()
        return await facts_of(world, prepared.listings, prepared.sellers, [ann, ben])


@pytest.fixture(scope="module")
async def facts(prepared: Prepared) -> dict:
    """What the domains say when each event came once, as they were written."""
    return await two_purchases_and_a_new_price(prepared, in_order)


async def test_two_purchases_leave_stock_sales_notices_and_settled_orders(facts: dict) -> None:
    assert facts["stock"] == [(0, 0), (0, 0), (5, 0)]
    assert facts["offers"] == {HOBBIT: [], EMMA: [(650, 5)]}
    assert facts["sellers"] == [(2, 2400), (1, 900)]
    assert facts["settled"] == [True, True]
    assert facts["told"] == {
        "ann": ["ORDER_PAID"],
        "ben": ["ORDER_PAID"],
        "jonas": ["COPY_SOLD", "LISTING_SOLD_OUT"],
        "mara": ["COPY_SOLD", "COPY_SOLD", "LISTING_SOLD_OUT"],
    }
    assert facts["dead"] == []
    assert set(facts["open transactions"]) == {0}


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=some.data())
async def test_any_order_and_number_of_deliveries_ends_the_same(
    prepared: Prepared, facts: dict, data: some.DataObject
) -> None:
    def shuffled_and_repeated(messages):
        repeats = data.draw(some.lists(some.integers(1, 3), min_size=len(messages), max_size=len(messages)))
        deliveries = [message for message, times in zip(messages, repeats, strict=True) for _ in range(times)]
        return data.draw(some.permutations(deliveries)) if deliveries else []

    assert await two_purchases_and_a_new_price(prepared, shuffled_and_repeated) == facts


async def prepare(folder: Path) -> tuple[list[Listing], list[Seller]]:
    """A data folder with two sellers and three listings, all known everywhere."""
    async with opened(folder) as world:
        services = world.shop.services
        await add_books(world)
        sellers = await services.sellers.register_many([registration(owner) for owner in ("mara", "jonas")])
        await world.deliver(in_order)
        listings = await services.sellers.publish_many(
            [
                listing_of("mara", HOBBIT, 1200, 2),
                listing_of("jonas", HOBBIT, 900, 1),
                listing_of("jonas", EMMA, 500, 5),
            ]
        )
        await world.deliver(in_order)
        await services.catalog.refresh_cache()
        return listings, sellers


@asynccontextmanager
async def copied(prepared: Path, folder: Path) -> AsyncIterator[World]:
    """A world of its own that begins as the prepared one ended."""
    shutil.copytree(prepared, folder)
    try:
        async with opened(folder) as world:
            yield world
    finally:
        shutil.rmtree(folder)


async def facts_of(
    world: World, listings: Sequence[Listing], sellers: Sequence[Seller], orders: Sequence[Order]
) -> dict:
    """All that the domains say in the end, but for ids and times that differ from run to run."""
    services = world.shop.services
    stock = await services.inventory.find_items([listing.id for listing in listings])
    offers = await services.catalog.find_offers([HOBBIT, EMMA])
    statistics = await services.sellers.find_sellers([seller.id for seller in sellers])
    ended = await services.orders.find_orders([order.id for order in orders])
    owners = sorted({*(order.buyer_id for order in orders), *(seller.owner_id for seller in sellers)})
    letters = await DeadLetters(world.shop.databases).list()
    return {
        "stock": [(stock[listing.id].on_hand, stock[listing.id].held) for listing in listings],
        "offers": {isbn: sorted((o.price.minor, o.quantity) for o in book.offers) for isbn, book in offers.items()},
        "sellers": [(statistics[s.id].books_sold, statistics[s.id].revenue.minor) for s in sellers],
        "settled": [ended[order.id].settled for order in orders],
        "timelines": [sorted((e.event, e.domain) for e in ended[order.id].timeline) for order in orders],
        "told": {owner: await _told(world, owner) for owner in owners},
        "dead": [letter.error for letter in letters.items],
        "open transactions": [database.suspensions for database in world.shop.databases.values()],
    }


async def _told(world: World, owner: str) -> list[str]:
    page = await world.shop.services.notifications.messages_of(owner, unread_only=False, page=PageRequest(100))
    return sorted(message.kind for message in page.items)
