"""A whole purchase ends the same however its events are shuffled and repeated."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from domains.sellers import ChangeListing, Listing, Seller
from kernel.money import Money
from tests.journeys.world import EMMA, HOBBIT, Shuffle, copied, in_order, prepare


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
        return await world.facts(prepared.listings, prepared.sellers, [ann, ben])


async def test_two_purchases_leave_stock_sales_notices_and_settled_orders(prepared: Prepared) -> None:
    facts = await two_purchases_and_a_new_price(prepared, in_order)
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


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=some.data())
async def test_any_order_and_number_of_deliveries_ends_the_same(prepared: Prepared, data: some.DataObject) -> None:
    def shuffled_and_repeated(messages):
        repeats = data.draw(some.lists(some.integers(1, 3), min_size=len(messages), max_size=len(messages)))
        deliveries = [message for message, times in zip(messages, repeats, strict=True) for _ in range(times)]
        return data.draw(some.permutations(deliveries)) if deliveries else []

    shuffled = await two_purchases_and_a_new_price(prepared, shuffled_and_repeated)
    assert shuffled == await two_purchases_and_a_new_price(prepared, in_order)
