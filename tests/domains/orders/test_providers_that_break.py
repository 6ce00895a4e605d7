"""A payment provider that hangs or raises: whatever it was asked for is an unknown outcome, and nothing is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import cast

import pytest

from domains.orders import (
    CheckoutPending,
    CheckoutRejected,
    OrdersService,
    OrderStatus,
    Patience,
    PaymentProvider,
    PaymentStatus,
    Refused,
    Unknown,
)
from domains.orders.provider import BoundedProvider
from kernel.database import Database
from kernel.ids import new_id
from tests.domains.orders.shop import Shop, Titles, euros
from tests.domains.orders.till import Broken, Till

CALLS: dict[str, Callable[[BoundedProvider], Awaitable[object]]] = {
    "prepare": lambda provider: provider.prepare(new_id(), euros(1)),
    "charge": lambda provider: provider.charge(f"till-{new_id()}", euros(1), "card"),
    "lookup": lambda provider: provider.lookup(f"till-{new_id()}"),
    "void": lambda provider: provider.void(f"till-{new_id()}"),
    "refund": lambda provider: provider.refund(new_id(), "till", euros(1)),
}


async def hang(*_: object) -> None:
    """Never answers."""
    await asyncio.Event().wait()


async def break_down(*_: object) -> None:
    """Raises what nobody expects."""
    raise Broken("out of paper")


def provider_that_does(act: Callable[..., Awaitable[None]]) -> PaymentProvider:
    """A provider that does the same whatever it is asked for."""
    return cast(PaymentProvider, SimpleNamespace(**dict.fromkeys(CALLS, act)))


@pytest.mark.parametrize("act", [hang, break_down])
@pytest.mark.parametrize("call", CALLS)
async def test_whatever_goes_wrong_is_an_unknown_outcome(act: Callable[..., Awaitable[None]], call: str) -> None:
    assert await CALLS[call](BoundedProvider(provider_that_does(act), seconds=0.01)) == Unknown()


@pytest.mark.parametrize("call", CALLS)
async def test_no_provider_is_asked_within_a_transaction(database: Database, call: str) -> None:
    async with database.transaction():
        with pytest.raises(RuntimeError):
            await CALLS[call](BoundedProvider(Till(), seconds=1))


async def test_a_charge_that_hangs_leaves_the_order_to_the_sweep(shop: Shop) -> None:
    impatient = Patience(charge_seconds=0)
    shop.service = OrdersService(shop.database, shop.shelves, Titles(), shop.till, currency="EUR", patience=impatient)
    await shop.put(shop.offer())
    shop.till.gate = asyncio.Event()
    assert isinstance(await shop.checkout(), CheckoutPending)
    shop.service = OrdersService(shop.database, shop.shelves, Titles(), shop.till, currency="EUR")
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 1
    end = await shop.only_order()
    assert (end.status, end.payment_status) == (OrderStatus.PAYMENT_FAILED, PaymentStatus.FAILED)
    assert shop.till.voided == {end.id}


async def test_a_charge_that_raised_after_it_was_made_is_found(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.till.breaks_after_charge = True
    assert isinstance(await shop.checkout(), CheckoutPending)
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 1
    assert (await shop.only_order()).status is OrderStatus.PAID


@pytest.mark.parametrize(
    ("preparation", "code"), [(Unknown(), "NOT_CHARGED"), (Refused("NO_ACCOUNT", "no"), "NO_ACCOUNT")]
)
async def test_a_charge_without_a_name_takes_no_money(shop: Shop, preparation: Unknown | Refused, code: str) -> None:
    await shop.put(shop.offer())
    shop.till.preparation = preparation
    answer = await shop.checkout()
    assert isinstance(answer, CheckoutRejected)
    assert [getattr(problem, "reason_code", None) for problem in answer.problems] == [code]
    assert (shop.till.charges, shop.shelves.held) == ([], {})
