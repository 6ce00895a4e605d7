"""The sample shop is loaded while its events are slow: each step waits for what it builds on, and none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from app.samples import BUYERS, EVENTS_OF_A_LISTING, STALLS, load_samples, sample_listings
from domains.catalog import read_sample_books
from tests.journeys.world import World, in_order

BOOKS = 20
LOOKS = 3
"""Whoever looks so often and sees the same waits for something else."""


async def test_no_step_of_loading_the_samples_runs_ahead_of_the_events_before_it(
    world: World, eventually: Callable[..., Awaitable[Any]]
) -> None:
    shop = replace(world.shop, settings=world.shop.settings.model_copy(update={"sample_books": BOOKS}))
    listings = list(sample_listings(read_sample_books(BOOKS), "EUR"))
    shown: list[int] = []
    loading = asyncio.create_task(load_samples(shop, lambda done, of: shown.append(done)))

    async def waits_though_sent(events: int) -> bool:
        """Or would not wait: then it has failed by now, or is done too early."""
        await world.collect()
        return shown.count(events) >= LOOKS or loading.done()

    async def arrives() -> bool:
        await world.deliver(in_order)
        await shop.services.catalog.refresh_cache()
        return loading.done()

    known = BOOKS + len(STALLS)
    await eventually(lambda: waits_though_sent(known))
    books_and_stalls, world.waiting = world.waiting, []
    for message in books_and_stalls:
        await world.hand_over(message)
    await eventually(lambda: waits_though_sent(known + EVENTS_OF_A_LISTING * len(listings)))
    await eventually(arrives)

    assert await loading == f"{BOOKS} books, {len(STALLS)} sellers, {len(listings)} listings, {len(BUYERS)} buyers"
    cart = await shop.services.orders.cart_of(BUYERS[1])
    assert [(line.listing_id, line.quantity) for line in cart.lines] == [(one.id, 1) for one in listings[:2]]
    offers = await shop.services.catalog.find_offers(sorted({one.isbn for one in listings}))
    assert {offer.listing_id for stock in offers.values() for offer in stock.offers} >= {one.id for one in listings}
