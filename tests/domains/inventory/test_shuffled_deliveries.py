"""Whatever order the events of sellers and orders come in, and however often, the shelf ends the same."""

import random
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from domains.inventory.model import StockState
from messaging.consumer import NotYet
from messaging.event import Event
from messaging.events import StockDeducted, StockReleased
from tests.databases import Databases
from tests.domains.inventory.shelf import (
    ANOTHER_ISBN,
    ISBN,
    Shelf,
    cancelled,
    changed,
    hold_line,
    open_shelf,
    paid,
    published,
    refunded,
    withdrawn,
)

SPACE = UUID(int=0)
EMMA, DUNE = uuid5(SPACE, "emma"), uuid5(SPACE, "dune")
KEPT, CANCELLED, REFUNDED, BOTH = (uuid5(SPACE, name) for name in ("kept", "cancelled", "refunded", "both"))

LISTINGS = (published(20, listing_id=EMMA), published(20, listing_id=DUNE, isbn=ANOTHER_ISBN))
LINES = {
    KEPT: ((EMMA, 1),),
    CANCELLED: ((EMMA, 2), (DUNE, 1)),
    REFUNDED: ((EMMA, 3),),
    BOTH: ((DUNE, 2), (EMMA, 1)),
}
NEWS: tuple[Event, ...] = (
    *LISTINGS,
    changed(LISTINGS[0], version=2, price=990),
    changed(LISTINGS[0], version=3, price=1490),
    *(paid(order_id, *lines) for order_id, lines in LINES.items()),
    cancelled(CANCELLED, *LINES[CANCELLED]),
    cancelled(BOTH, *LINES[BOTH]),
    refunded(REFUNDED, (EMMA, 2), refund_id=uuid5(SPACE, "first refund")),
    refunded(REFUNDED, (EMMA, 1), refund_id=uuid5(SPACE, "second refund")),
    refunded(BOTH, (DUNE, 1), refund_id=uuid5(SPACE, "third refund")),
)
UNDONE = {StockState.CANCELLED, StockState.RESTOCKED}


@st.composite
def deliveries(draw: st.DrawFn, news: tuple[Event, ...]) -> list[Event]:
    """All news, some of them several times, in any order."""
    repeated = draw(st.lists(st.sampled_from(news), max_size=8))
    return draw(st.permutations([*news, *repeated]))


async def deliver_until_all_are_taken(shelf: Shelf, events: list[Event]) -> None:
    """What waits for something else is delivered again later, as the inbox does it."""
    waiting = list(events)
    while waiting:
        late: list[Event] = []
        for event in waiting:
            try:
                await shelf.deliver(event)
            except NotYet:
                late.append(event)
        assert len(late) < len(waiting), "nothing more moves"
        waiting = late


@settings(max_examples=40)
@given(events=deliveries(NEWS))
async def test_shuffled_and_repeated_deliveries_end_in_the_same_stock(
    databases: Databases, events: list[Event]
) -> None:
    async with open_shelf(databases) as shelf:
        await deliver_until_all_are_taken(shelf, events)

        emma, dune = await shelf.item(EMMA), await shelf.item(DUNE)
        assert (emma.on_hand, emma.held, emma.price.minor) == (20 - 1, 0, 1490)
        assert (dune.on_hand, dune.held) == (20, 0)
        assert await shelf.state(KEPT) is await shelf.state(REFUNDED) is StockState.DEDUCTED
        assert {await shelf.state(CANCELLED), await shelf.state(BOTH)} <= UNDONE
        stock = await shelf.inventory.find_stock([ISBN, ANOTHER_ISBN])
        assert (stock[ISBN].total, stock[ANOTHER_ISBN].total) == (19, 20)
        released = [event.order_id for event in await shelf.told(StockReleased)]
        assert sorted(released) == sorted([CANCELLED, BOTH])
        deducted = [event.order_id for event in await shelf.told(StockDeducted)]
        assert len(deducted) == len(set(deducted))
        assert {KEPT, REFUNDED} <= set(deducted)


HELD_NEWS: tuple[Event, ...] = (*NEWS[2:], *(withdrawn(listing, version=9) for listing in LISTINGS))


@settings(max_examples=25)
@given(events=deliveries(HELD_NEWS), chance=st.randoms(use_true_random=False))
async def test_orders_that_hold_are_served_in_any_order_even_when_the_listings_are_withdrawn(
    databases: Databases, events: list[Event], chance: random.Random
) -> None:
    async with open_shelf(databases) as shelf:
        await shelf.deliver(*LISTINGS)
        for order_id in chance.sample(list(LINES), len(LINES)):
            assert await shelf.hold(*(hold_line(*line) for line in LINES[order_id]), order_id=order_id) == ()

        await deliver_until_all_are_taken(shelf, events)

        assert (await shelf.counts(EMMA), await shelf.counts(DUNE)) == ((19, 0), (20, 0))
        stock = await shelf.inventory.find_stock([ISBN, ANOTHER_ISBN])
        assert (stock[ISBN].total, stock[ANOTHER_ISBN].total) == (0, 0)
        assert len(await shelf.told(StockReleased)) == 2
