"""Receipts of the other domains: an order is settled when none is missing, in whichever order they come."""

from collections.abc import Sequence
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domains.orders import CheckoutRejected, Order, Refused
from kernel.ids import new_id
from messaging.event import Event
from messaging.events import (
    NotificationCreated,
    NotificationFailed,
    NotificationKind,
    NotificationSent,
    NotificationSkipped,
    OrderUpdated,
    SaleRecorded,
    SaleReversed,
    StockDeducted,
    StockDeductionFailed,
    StockReleased,
    StockShortage,
)
from tests.domains.orders.receipts import deliver, notice, receipts_of
from tests.domains.orders.shop import Shop


async def now(shop: Shop, order: Order) -> Order:
    """The order as it is now."""
    return (await shop.service.find_orders([order.id]))[order.id]


def steps(order: Order) -> list[tuple[str, str, str | None]]:
    """The order's timeline without its times, sorted."""
    return sorted((entry.event, entry.domain, entry.detail or "") for entry in order.timeline)


async def test_an_order_is_settled_by_its_last_receipt(shop: Shop) -> None:
    order = await shop.paid_order(sellers=2)
    *most, last = receipts_of(order)
    await deliver(shop, *most)
    assert not (await now(shop, order)).settled
    await deliver(shop, last)
    settled = await now(shop, order)
    assert settled.settled
    assert settled.version == order.version + len(most) + 1
    updates = [event for event in await shop.told(OrderUpdated) if event.order_id == order.id]
    assert [event.version for event in updates] == list(range(order.version, settled.version + 1))
    assert [event.settled for event in updates] == [False] * (len(updates) - 1) + [True]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_receipts_in_any_order_and_any_number_end_in_the_same_order(shop: Shop, data: st.DataObject) -> None:
    """Every example has an order of its own, so it may share the database with the others."""
    order = await shop.paid_order(sellers=data.draw(st.integers(1, 3)))
    events = receipts_of(order)
    repeats = data.draw(st.lists(st.sampled_from(events), max_size=6))
    await deliver(shop, *data.draw(st.permutations([*events, *repeats])))
    end = await now(shop, order)
    assert end.settled
    assert end.version == order.version + len(events)
    assert steps(end) == sorted([*steps(order), *(expected_step(event) for event in events)])


def expected_step(event: Event) -> tuple[str, str, str | None]:
    """What a receipt looks like on the timeline."""
    match event:
        case StockDeducted():
            copies = sum(line.quantity for line in event.lines)
            return "StockDeducted", "inventory", f"{copies} copies" if copies > 1 else "1 copy"
        case SaleRecorded():
            return "SaleRecorded", "sellers", "1 copy for 12.50 EUR"
        case NotificationCreated():
            return "NotificationCreated", "notifications", event.kind
    raise AssertionError(f"no receipt: {event}")


async def test_a_message_that_nobody_wanted_counts_as_told(shop: Shop) -> None:
    order = await shop.paid_order()
    events = receipts_of(order)
    skipped = [
        NotificationSkipped(**event.model_dump()) if isinstance(event, NotificationCreated) else event
        for event in events
    ]
    await deliver(shop, *skipped)
    assert (await now(shop, order)).settled


async def test_a_message_of_another_kind_to_the_same_recipient_does_not_count(shop: Shop) -> None:
    order = await shop.paid_order()
    *most, _ = receipts_of(order)
    await deliver(shop, *most, notice(order, "owner-0", NotificationKind.LISTING_SOLD_OUT))
    assert not (await now(shop, order)).settled


async def test_deliveries_of_mail_are_shown_and_hold_nothing_up(shop: Shop) -> None:
    order = await shop.paid_order()
    receipts = receipts_of(order)
    created = next(event for event in receipts if isinstance(event, NotificationCreated))
    about = {"notification_id": created.notification_id, "recipient_id": created.recipient_id, "kind": created.kind}
    failed = NotificationFailed(**about, channel="MAIL", order_id=order.id, reason="refused")
    sent = NotificationSent(**about, channel="IN_APP", order_id=order.id)
    await deliver(shop, failed, sent, *receipts, failed, sent)
    end = await now(shop, order)
    assert end.settled
    assert ("NotificationFailed", "notifications", "ORDER_PAID by MAIL") in steps(end)
    assert ("NotificationSent", "notifications", "ORDER_PAID by IN_APP") in steps(end)
    assert end.version == order.version + len(receipts) + 2


async def test_reversals_and_failed_deductions_are_shown_once(shop: Shop) -> None:
    order = await shop.paid_order()
    line = order.lines[0]
    shortage = StockShortage(listing_id=line.listing_id, wanted=1, available=0)
    sale = {"order_id": order.id, "seller_id": line.seller_id, "order_item_id": line.id, "quantity": 1, "amount": 1250}
    events: Sequence[Event] = (
        StockDeductionFailed(order_id=order.id, shortages=(shortage,)),
        StockReleased(order_id=order.id, reason="OUT_OF_STOCK"),
        SaleReversed(**sale),
    )
    await deliver(shop, *events, *events)
    end = await now(shop, order)
    shown = [entry.event for entry in end.timeline]
    assert shown[2:5] == ["StockDeductionFailed", "OrderCancelled", "RefundRequested"]
    assert shown[5:] == ["StockReleased", "SaleReversed"]
    assert end.timeline[2].detail == "1 copy missing"
    assert not end.settled


async def test_the_release_after_a_failed_payment_is_shown(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.till.answer = Refused("DECLINED", "no")
    outcome = await shop.checkout()
    assert isinstance(outcome, CheckoutRejected)
    assert outcome.order is not None
    await deliver(shop, StockReleased(order_id=outcome.order.id, reason="PAYMENT_FAILED"))
    end = await now(shop, outcome.order)
    assert end.settled
    assert [entry.event for entry in end.timeline] == ["OrderPlaced", "OrderPaymentFailed", "StockReleased"]


async def test_what_is_told_of_somebody_elses_order_or_of_none_is_left_alone(shop: Shop) -> None:
    recipient: dict[str, object] = {"recipient_id": "alice", "kind": NotificationKind.LISTING_SOLD_OUT}
    strangers: list[UUID | None] = [new_id(), None]
    for order_id in strangers:
        await deliver(
            shop, NotificationCreated.model_validate({"notification_id": new_id(), "order_id": order_id, **recipient})
        )
    assert await shop.told(OrderUpdated) == []
