"""Checkouts that run at the same time, and checkouts whose callers go away."""

import asyncio

import pytest

from domains.orders import (
    AmountMismatch,
    CartEmpty,
    Checkout,
    CheckoutCompleted,
    CheckoutInProgress,
    CheckoutOutcome,
    CheckoutPending,
    CheckoutRejected,
    OrderStatus,
    OutOfStock,
)
from messaging.events import OrderPaid
from tests.domains.orders.shop import Shop, euros


async def all_at_once(shop: Shop, *keys: str, buyers: list[str] | None = None) -> list[CheckoutOutcome]:
    """Check out with each key, or for each buyer, before any of them is answered."""
    people = buyers or ["alice"] * len(keys)
    requests = [await shop.request(buyer=buyer, key=key) for buyer, key in zip(people, keys, strict=True)]
    return await asyncio.gather(*(shop.service.checkout(request) for request in requests))


async def test_fifty_submits_of_one_key_make_one_order_and_one_charge(shop: Shop) -> None:
    await shop.put(shop.offer())
    outcomes = await all_at_once(shop, *["same"] * 50)
    fresh = [one for one in outcomes if isinstance(one, CheckoutCompleted) and not one.replayed]
    assert len(fresh) == 1
    assert all(isinstance(one, CheckoutCompleted | CheckoutPending) for one in outcomes)
    assert {one.order.id for one in outcomes if isinstance(one, CheckoutCompleted | CheckoutPending)} == {
        fresh[0].order.id
    }
    assert shop.till.charges == [fresh[0].order.id]
    assert (await shop.orders_written(), await shop.keys_bound()) == (1, 1)
    assert len(await shop.told(OrderPaid)) == 1


async def test_fifty_keys_of_one_buyer_buy_the_cart_once(shop: Shop) -> None:
    await shop.put(shop.offer(copies=99))
    outcomes = await all_at_once(shop, *(f"key-{number}" for number in range(50)))
    bought = [one for one in outcomes if isinstance(one, CheckoutCompleted)]
    assert len(bought) == 1
    waiting = [one for one in outcomes if isinstance(one, CheckoutInProgress)]
    assert {one.order.id for one in waiting} <= {bought[0].order.id}
    assert all(isinstance(one, CheckoutRejected) for one in outcomes if one not in [*bought, *waiting])
    assert (await shop.orders_written(), len(shop.till.charges)) == (1, 1)


async def test_the_last_copy_goes_to_one_of_fifty_buyers(shop: Shop) -> None:
    offer = shop.offer(copies=1)
    buyers = [f"buyer-{number}" for number in range(50)]
    for buyer in buyers:
        await shop.put(offer, buyer=buyer)
    outcomes = await all_at_once(shop, *["first"] * 50, buyers=buyers)
    assert sum(isinstance(one, CheckoutCompleted) for one in outcomes) == 1
    short = [one for one in outcomes if isinstance(one, CheckoutRejected)]
    assert len(short) == 49
    assert all([type(problem) for problem in one.problems] == [OutOfStock] for one in short)
    assert len(shop.till.charges) == len(shop.shelves.held) == 1


async def test_another_checkout_waits_for_the_one_that_has_no_outcome(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.till.gate = asyncio.Event()
    running = asyncio.ensure_future(shop.checkout(key="first"))
    await shop.till.asked.wait()
    twin, other = await shop.checkout(key="first"), await shop.checkout(key="second")
    shop.till.gate.set()
    done = await running
    assert isinstance(done, CheckoutCompleted)
    assert isinstance(twin, CheckoutPending)
    assert isinstance(other, CheckoutInProgress)
    assert twin.order.id == other.order.id == done.order.id
    assert await shop.keys_bound() == 1


async def begun(shop: Shop, request: Checkout) -> tuple[asyncio.Future[CheckoutOutcome], asyncio.Event]:
    """A checkout that has read the cart and now waits for the offers, until the gate opens."""
    gate = shop.shelves.look_gate = asyncio.Event()
    running = asyncio.ensure_future(shop.service.checkout(request))
    await shop.shelves.looked.wait()
    shop.shelves.look_gate = None
    return running, gate


async def test_a_twin_that_meets_a_problem_gets_the_answer_of_the_first(shop: Shop) -> None:
    """The twin finds the last copy held, by its own order: that is no problem of the buyer's."""
    await shop.put(shop.offer(copies=1))
    request = await shop.request()
    twin, gate = await begun(shop, request)
    first = await shop.service.checkout(request)
    gate.set()
    assert isinstance(first, CheckoutCompleted)
    assert await twin == CheckoutCompleted(first.order, replayed=True)


async def test_a_cart_that_another_key_has_bought_is_not_bought_again(shop: Shop) -> None:
    await shop.put(shop.offer(copies=9))
    late, gate = await begun(shop, await shop.request(key="second"))
    assert isinstance(await shop.checkout(key="first"), CheckoutCompleted)
    gate.set()
    outcome = await late
    assert isinstance(outcome, CheckoutRejected)
    assert outcome.problems == (CartEmpty(),)
    assert await shop.orders_written() == 1


async def test_what_goes_into_the_cart_meanwhile_is_not_bought_unseen(shop: Shop) -> None:
    await shop.put(shop.offer(price=1000))
    late, gate = await begun(shop, await shop.request())
    await shop.put(shop.offer(price=500))
    gate.set()
    outcome = await late
    assert isinstance(outcome, CheckoutRejected)
    assert outcome.problems == (AmountMismatch(agreed=euros(1000), total=euros(1500)),)


async def test_a_caller_that_goes_away_does_not_stop_its_checkout(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.till.gate = asyncio.Event()
    running = asyncio.ensure_future(shop.checkout())
    await shop.till.asked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await shop.only_order()).status is OrderStatus.PENDING
    shop.till.gate.set()
    await shop.service.finish_running()
    assert (await shop.only_order()).status is OrderStatus.PAID
    assert isinstance(await shop.service.checkout_attempt("alice", "first"), CheckoutCompleted)


async def test_a_caller_that_goes_away_before_the_order_is_written_buys_all_the_same(shop: Shop) -> None:
    await shop.put(shop.offer())
    running = asyncio.ensure_future(shop.service.checkout(await shop.request()))
    asyncio.get_running_loop().call_soon(running.cancel)
    with pytest.raises(asyncio.CancelledError):
        await running
    await shop.service.finish_running()
    assert (await shop.only_order()).status is OrderStatus.PAID


async def test_a_checkout_that_fails_after_its_caller_has_gone_is_left_to_the_sweep(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.till.gate, shop.till.crash_after = asyncio.Event(), True
    running = asyncio.ensure_future(shop.checkout())
    await shop.till.asked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    shop.till.gate.set()
    await shop.service.finish_running()
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 1
    assert (await shop.only_order()).status is OrderStatus.PAID
