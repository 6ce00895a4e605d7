"""`/metrics`: the figures of the process, and how things stand in the databases, the broker and the cache."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from time import monotonic
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.health import CHECK_SECONDS, Health
from app.wiring import Shop
from kernel.database import Database, DatabaseError
from messaging import inbox, outbox
from messaging.outbox import Lag
from messaging.tables import InboxState

STANDING_SECONDS = 1.0
"""How long the same answer is given without asking again how things stand."""


def watching_routes(shop: Shop) -> list[BaseRoute]:
    """`/livez`, `/readyz` and `/metrics`."""
    health = Health(shop)
    return [*health.routes(), Route("/metrics", Exposition(shop, health).answer)]


class Backlog(NamedTuple):
    """What waits in a domain's database, and what nobody tries again."""

    lag: Lag
    pending: int
    dead: int


class Exposition:
    """Answers `/metrics`: what this process counted, and how things stand in the databases, the broker and the cache.

    How things stand is asked when somebody wants to know, but once a second at most, however many do.
    """

    def __init__(self, shop: Shop, health: Health) -> None:
        self._shop = shop
        self._health = health
        self._standing = Standing()
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def answer(self, _request: Request) -> Response:
        """The figures in Prometheus' text format."""
        async with self._asking:
            if monotonic() >= self._until:
                self._standing = await self._ask()
                self._until = monotonic() + STANDING_SECONDS
        registry = CollectorRegistry()
        for collector in (self._shop.meter.collector(), self._standing):
            registry.register(collector)
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})

    async def _ask(self) -> Standing:
        databases = self._shop.databases
        backlogs = asyncio.gather(*(_backlog(database) for database in databases.values()))
        away, found = await asyncio.gather(self._health.look(), backlogs)
        return Standing(
            {part: part not in away for part in self._health.parts},
            {name: backlog for name, backlog in zip(databases, found, strict=True) if backlog is not None},
        )


class Standing(Collector):
    """How things stand outside the process; of a database that is away nothing is known but that."""

    def __init__(self, there: dict[str, bool] | None = None, backlogs: dict[str, Backlog] | None = None) -> None:
        self._there = there or {}
        self._backlogs = backlogs or {}

    def collect(self) -> Iterable[Metric]:
        """The figures as Prometheus knows them."""
        up = GaugeMetricFamily("bookstall_up", "Whether a database, the broker or the cache answers.", labels=["part"])
        for part, there in self._there.items():
            up.add_metric([part], there)
        yield up
        figures: dict[tuple[str, str], Callable[[Backlog], float]] = {
            ("bookstall_outbox_waiting", "Events that wait to be sent."): lambda backlog: backlog.lag.waiting,
            ("bookstall_outbox_oldest_seconds", "How long the oldest of them has waited."): (
                lambda backlog: backlog.lag.seconds
            ),
            ("bookstall_inbox_pending", "Events that are tried again."): lambda backlog: backlog.pending,
            ("bookstall_inbox_dead", "Dead letters: events that wait for an operator."): lambda backlog: backlog.dead,
        }
        for (name, meaning), figure in figures.items():
            family = GaugeMetricFamily(name, meaning, labels=["domain"])
            for domain, backlog in self._backlogs.items():
                family.add_metric([domain], figure(backlog))
            yield family


async def _backlog(database: Database) -> Backlog | None:
    """None where the database is away."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            lag = await outbox.lag(database.read())
            counts = {row.state: row.rows for row in await database.read().all(inbox.COUNT)}
    except (DatabaseError, TimeoutError):
        return None
    return Backlog(lag, counts.get(InboxState.PENDING, 0), counts.get(InboxState.DEAD, 0))
