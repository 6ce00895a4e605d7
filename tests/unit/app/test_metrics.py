"""The figures of a process: what is counted, and what is asked when somebody looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update
from starlette.applications import Starlette

from app.exposition import watching_routes
from app.settings import DOMAINS, Settings
from app.subscriptions import SAGA
from app.wiring import Shop, migrate_all, open_shop
from domains.sellers import RegisterSeller
from graph.auth import EMBEDDED_ISSUER
from graph.http import build_graph_app
from kernel.clock import utc_now
from kernel.columns import in_seconds
from kernel.database import Statement
from kernel.ids import new_id
from kernel.sweep import Sweep
from messaging.consumer import Consumer
from messaging.events import OrderPaid
from messaging.message import Message
from messaging.subscription import handlers_of
from messaging.tables import outbox

Wait = Callable[..., Awaitable[Any]]

WRITTEN_LONG_AGO = Statement(update(outbox).values(written_at=in_seconds(-90)))
PING = {"query": "{ __typename }"}
CHECKOUT = """mutation { checkout(input: {
    idempotencyKey: "a-key-of-a-test", amount: { amount: "1.00", currency: "EUR" },
    deliveryAddress: { name: "A", line1: "B", postalCode: "C", city: "D", country: "NL" }
}) { __typename } }"""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A marketplace of one process whose events stay where they are written."""
    settings = Settings.load(data=tmp_path)
    await migrate_all(settings)
    async with open_shop(settings) as shop:
        yield shop


@pytest.fixture
async def http(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """A client of its gateway."""
    application = Starlette(routes=[*build_graph_app(shop.services, shop.issuer), *watching_routes(shop)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://shop") as http:
        yield http


async def figures(http: httpx.AsyncClient, name: str) -> dict[tuple[str, ...], float]:
    """Every value of a figure, by the values of its labels."""
    answer = await http.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = text_string_to_metric_families(answer.text)
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in samples}


async def test_requests_are_counted_and_timed_by_outcome(http: httpx.AsyncClient) -> None:
    for body in (PING, PING, {"query": "{ nothing }"}, {"query": ""}):
        await http.post("/graphql", json=body)
    await http.get("/graphql")
    assert await figures(http, "bookstall_request_seconds_count") == {
        ("ok",): 2,
        ("errors",): 1,
        ("BAD_REQUEST",): 1,
        ("METHOD_NOT_ALLOWED",): 1,
    }
    assert all(seconds > 0 for seconds in (await figures(http, "bookstall_request_seconds_sum")).values())


async def test_checkouts_are_counted_by_the_type_of_their_answer(shop: Shop, http: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {shop.issuer.issue('alice')}"}
    answer = await http.post("/graphql", json={"query": CHECKOUT}, headers=headers)
    assert answer.json()["data"]["checkout"]["__typename"] == "CheckoutRejected"
    assert await figures(http, "bookstall_checkouts_total") == {("CheckoutRejected",): 1}


async def test_events_that_wait_to_be_sent_are_told_with_the_age_of_the_oldest(
    shop: Shop, http: httpx.AsyncClient
) -> None:
    await shop.services.sellers.register(
        RegisterSeller(owner_id="ann", issuer=EMBEDDED_ISSUER, email="ann@example.org", display_name="Ann")
    )
    await shop.databases["sellers"].write(WRITTEN_LONG_AGO)
    waiting = await figures(http, "bookstall_outbox_waiting")
    assert waiting == {(domain,): float(domain == "sellers") for domain in DOMAINS}
    ages = await figures(http, "bookstall_outbox_oldest_seconds")
    assert {domain for (domain,), age in ages.items() if age >= 90} == {"sellers"}


async def test_deliveries_and_backlogs_are_told_by_domain(shop: Shop, http: httpx.AsyncClient) -> None:
    def count(event: str, outcome: str) -> None:
        shop.meter.event("inventory", event, outcome)

    consumer = Consumer(shop.databases["inventory"], handlers_of("inventory", SAGA), count=count)
    message = Message(
        id=new_id(), name=OrderPaid.__name__, body=b"?", owner="orders", written_at=utc_now(), correlation_id="test"
    )
    await consumer.receive(message)
    assert await figures(http, "bookstall_events_total") == {("inventory", "OrderPaid", "dead"): 1}
    assert (await figures(http, "bookstall_inbox_dead"))[("inventory",)] == 1
    assert (await figures(http, "bookstall_inbox_pending"))[("inventory",)] == 0


async def test_sweeps_tell_of_their_failures(shop: Shop, http: httpx.AsyncClient, eventually: Wait) -> None:
    async def fail() -> int:
        raise RuntimeError("broken")

    sweep = Sweep("broken", fail, idle_seconds=60)
    running = asyncio.create_task(sweep.run(shop.meter))

    async def is_told() -> bool:
        return (await figures(http, "bookstall_sweep_failures_total")).get(("broken",)) == 1

    await eventually(is_told)
    sweep.stop()
    await running


async def test_sweeps_tell_of_what_they_did_and_when(shop: Shop, http: httpx.AsyncClient, eventually: Wait) -> None:
    steps = iter([3, 2, 0])

    async def work() -> int:
        return next(steps)

    before = time.time()
    sweep = Sweep("busy", work, idle_seconds=60)
    running = asyncio.create_task(sweep.run(shop.meter))

    async def is_told() -> bool:
        return (await figures(http, "bookstall_sweep_work_total")).get(("busy",)) == 5

    await eventually(is_told)
    sweep.stop()
    await running
    assert before <= (await figures(http, "bookstall_sweep_ended_seconds"))[("busy",)] <= time.time()


async def test_what_never_came_to_a_domain_is_counted_when_it_is_sent_again(
    shop: Shop, http: httpx.AsyncClient
) -> None:
    shop.meter.resent("inventory", 2)
    shop.meter.resent("inventory", 1)
    assert await figures(http, "bookstall_events_resent_total") == {("inventory",): 3}


async def test_watchers_are_those_who_watch_now(shop: Shop, http: httpx.AsyncClient) -> None:
    with shop.services.hub.watch("book:1", "book:2"):
        assert await figures(http, "bookstall_watchers") == {(): 1}
    assert await figures(http, "bookstall_watchers") == {(): 0}


async def test_everything_is_there_in_one_process(http: httpx.AsyncClient) -> None:
    parts = [*(f"database {domain}" for domain in DOMAINS), "broker", "cache"]
    assert await figures(http, "bookstall_up") == {(part,): 1 for part in parts}
    assert (await http.get("/livez")).json() == {"alive": True}
    assert (await http.get("/readyz")).json() == {"ready": True, "away": {}}
