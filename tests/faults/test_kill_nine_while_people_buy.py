"""kill -9 at the worst moments: nobody pays twice, no copy is sold twice, and everything is finished afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from graph.nodes import decode_id
from tests.builders import Shop
from tests.faults.conftest import comes_to_rest
from tests.faults.ledger import ALWAYS, broken, count
from tests.faults.shoppers import shoppers
from tests.server import Server, bookstall

Wait = Callable[..., Awaitable[Any]]

DEMOS = 10
SHOPPERS = 8
MOMENTS = (
    ("orders", "orders WHERE status = 'PENDING'"),
    ("inventory", "stock_orders WHERE state = 'HELD'"),
    ("orders", "outbox WHERE sent_at IS NULL"),
    ("inventory", "outbox WHERE sent_at IS NULL"),
    ("notifications", "mails WHERE status = 'PENDING'"),
    ("orders", "orders WHERE status = 'PAID' AND NOT settled"),
)
"""When the server is killed: as soon as there is such a row, and an order that was placed since the last kill."""


async def test_ten_demos_survive_a_kill_in_their_middle(doomed: Server, eventually: Wait) -> None:
    await doomed.start()
    demos = [asyncio.create_task(bookstall("demo", "--url", doomed.url, "--data", doomed.data)) for _ in range(DEMOS)]

    async def in_the_middle() -> bool:
        return count(doomed.data, "orders", "orders WHERE status = 'PAID'") >= 2

    await eventually(in_the_middle)
    await doomed.kill()
    assert broken(doomed.data, ALWAYS) == {}
    await doomed.start()
    said = await asyncio.gather(*demos)

    assert [demo.err for demo in said if demo.code == 0] == [""] * sum(demo.code == 0 for demo in said)
    cut_off = [demo for demo in said if demo.code != 0]
    assert cut_off
    assert [len(demo.err.splitlines()) for demo in cut_off] == [1] * len(cut_off)
    await comes_to_rest(doomed.data)
    again = await bookstall("demo", "--url", doomed.url, "--data", doomed.data)
    assert again.code == 0, again
    assert await doomed.stop() == 0


@pytest.mark.parametrize("rounds", [1, pytest.param(12, marks=pytest.mark.long)])
async def test_shoppers_who_ask_again_are_served_once_however_often_the_server_is_killed(
    doomed: Server, eventually: Wait, rounds: int
) -> None:
    await doomed.start()
    async with httpx.AsyncClient(base_url=doomed.url, timeout=30) as http:
        shop = Shop(doomed, http, eventually)
        people = await shoppers(shop, SHOPPERS)
        closing = asyncio.Event()
        shopping = [asyncio.create_task(shopper.shop(closing)) for shopper in people]
        for domain, what in MOMENTS * rounds:
            placed = count(doomed.data, "orders", "orders")

            async def it_is_time(domain: str = domain, what: str = what, placed: int = placed) -> bool:
                assert not any(task.done() for task in shopping)
                return count(doomed.data, "orders", "orders") > placed and count(doomed.data, domain, what) > 0

            await eventually(it_is_time)
            await doomed.kill()
            assert broken(doomed.data, ALWAYS) == {}
            await doomed.start()
            http.base_url = doomed.url
        closing.set()
        await asyncio.gather(*shopping)

    await comes_to_rest(doomed.data)
    assert (await bookstall("audit", "--data", doomed.data)).code == 0
    assert await doomed.stop() == 0
    kinds = {answer["__typename"] for shopper in people for answer in shopper.answers.values()}
    assert "CheckoutCompleted" in kinds
    assert kinds <= {"CheckoutCompleted", "CheckoutRejected"}
    bought = [decode_id(order, "Order").hex for shopper in people for order in shopper.bought]
    assert len(set(bought)) == len(bought)
    assert count(doomed.data, "orders", "orders WHERE status = 'PAID'") == len(bought)
    assert "Traceback" not in doomed.log()
