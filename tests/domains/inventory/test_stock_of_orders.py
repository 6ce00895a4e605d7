"""The whole state table over the real database: from every state, every trigger, its effect on copies and events."""

from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from domains.inventory.model import STEPS, Step, StockState, Trigger
from kernel.errors import IllegalTransition
from messaging.consumer import NotYet
from messaging.event import Event
from messaging.events import BookStockUpdated, StockDeducted, StockDeductionFailed, StockItemChanged, StockReleased
from tests.domains.inventory.shelf import Shelf, cancelled, hold_line, paid, refunded

COPIES = 5
WANTED = 2
MISSING = 9


@dataclass(frozen=True)
class After:
    """The state afterwards, by how much the counts changed, and what was told besides the change of the listing."""

    state: StockState
    on_hand: int = 0
    held: int = 0
    told: type[Event] | None = None


AFTER: dict[Step, After] = {
    Step.HOLD: After(StockState.HELD, held=WANTED),
    Step.RELEASE: After(StockState.RELEASED),
    Step.EXPIRE: After(StockState.EXPIRED),
    Step.DEDUCT: After(StockState.DEDUCTED, on_hand=-WANTED, told=StockDeducted),
    Step.CANCEL: After(StockState.CANCELLED, told=StockReleased),
    Step.RESTOCK: After(StockState.RESTOCKED, on_hand=WANTED, told=StockReleased),
    Step.RETURN: After(StockState.DEDUCTED, on_hand=WANTED),
}
GIVEN_UP = {Step.RELEASE, Step.EXPIRE, Step.DEDUCT, Step.CANCEL}
"""Steps after which a live hold is over."""


async def order_in(shelf: Shelf, state: StockState, listing_id: UUID) -> UUID:
    """An order that wants two copies of a listing, in this state."""
    order_id, wanted = uuid4(), (listing_id, WANTED)
    if state in (StockState.HELD, StockState.EXPIRED, StockState.DEDUCTED, StockState.RESTOCKED):
        await shelf.inventory.hold(order_id, [hold_line(*wanted)])
    match state:
        case StockState.EXPIRED:
            await shelf.expire(order_id)
        case StockState.RELEASED:
            await shelf.inventory.release(order_id, "payment refused")
        case StockState.FAILED:
            await shelf.deliver(paid(order_id, (listing_id, MISSING)))
        case StockState.CANCELLED:
            await shelf.deliver(cancelled(order_id, wanted))
        case StockState.DEDUCTED:
            await shelf.deliver(paid(order_id, wanted))
        case StockState.RESTOCKED:
            await shelf.deliver(paid(order_id, wanted), cancelled(order_id, wanted))
    assert await shelf.state(order_id) is state
    return order_id


async def trigger_it(shelf: Shelf, trigger: Trigger, order_id: UUID, listing_id: UUID) -> None:
    """Does the command, or delivers the event."""
    wanted = (listing_id, WANTED)
    match trigger:
        case Trigger.HOLD:
            assert await shelf.inventory.hold(order_id, [hold_line(*wanted)]) == ()
        case Trigger.RELEASE:
            await shelf.inventory.release(order_id, "payment refused")
        case Trigger.EXPIRE:
            await shelf.expire(order_id)
        case Trigger.ORDER_PAID:
            await shelf.deliver(paid(order_id, wanted))
        case Trigger.ORDER_CANCELLED:
            await shelf.deliver(cancelled(order_id, wanted))
        case Trigger.ORDER_REFUNDED:
            await shelf.deliver(refunded(order_id, wanted))


@pytest.mark.parametrize("trigger", Trigger)
@pytest.mark.parametrize("state", StockState)
async def test_every_state_meets_every_trigger(shelf: Shelf, state: StockState, trigger: Trigger) -> None:
    listing_id = await shelf.publish(COPIES)
    order_id = await order_in(shelf, state, listing_id)
    on_hand, held = await shelf.counts(listing_id)
    before = await shelf.everything_told()
    step = STEPS[state][trigger]

    if step in (Step.REFUSE, Step.WAIT):
        with pytest.raises(IllegalTransition if step is Step.REFUSE else NotYet):
            await trigger_it(shelf, trigger, order_id, listing_id)
    else:
        await trigger_it(shelf, trigger, order_id, listing_id)

    after = AFTER.get(step, After(state))
    let_go = held if step in GIVEN_UP else 0
    assert await shelf.state(order_id) is after.state
    assert await shelf.counts(listing_id) == (on_hand + after.on_hand, held + after.held - let_go)
    news = [type(event) for event in (await shelf.everything_told())[len(before) :]]
    changed = after.on_hand or after.held or let_go
    assert news == ([StockItemChanged, BookStockUpdated] if changed else []) + ([after.told] if after.told else [])


@pytest.mark.parametrize("state", [state for state in StockState if STEPS[state][Trigger.ORDER_PAID] is Step.DEDUCT])
async def test_a_paid_order_that_cannot_be_deducted_fails_and_keeps_nothing(shelf: Shelf, state: StockState) -> None:
    listing_id = await shelf.publish(COPIES)
    order_id = await order_in(shelf, state, listing_id)

    await shelf.deliver(paid(order_id, (listing_id, MISSING)))

    assert await shelf.state(order_id) is StockState.FAILED
    assert await shelf.counts(listing_id) == (COPIES, 0)
    [failure] = await shelf.told(StockDeductionFailed)
    assert [(short.listing_id, short.wanted, short.available) for short in failure.shortages] == [
        (listing_id, MISSING, COPIES)
    ]


@pytest.mark.parametrize(
    ("state", "trigger"),
    [
        (state, trigger)
        for state in StockState
        for trigger in Trigger
        if STEPS[state][trigger] in AFTER and trigger is not Trigger.ORDER_REFUNDED
    ],
)
async def test_a_trigger_that_comes_twice_acts_once(shelf: Shelf, state: StockState, trigger: Trigger) -> None:
    listing_id = await shelf.publish(COPIES)
    order_id = await order_in(shelf, state, listing_id)
    await trigger_it(shelf, trigger, order_id, listing_id)
    once = await shelf.counts(listing_id), await shelf.state(order_id), await shelf.everything_told()

    await trigger_it(shelf, trigger, order_id, listing_id)

    assert (await shelf.counts(listing_id), await shelf.state(order_id), await shelf.everything_told()) == once
