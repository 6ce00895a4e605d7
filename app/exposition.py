"""`/metrics`: the figures of the process, and how things stand in the databases, the broker and the cache."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from secrets import compare_digest
from time import monotonic
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.health import CHECK_SECONDS, Health, Recent
from app.wiring import Shop
from graph.auth import TokenInvalid, bearer_token
from graph.errors import Code
from graph.request import JSON, Refused
from kernel.database import Database, DatabaseError
from messaging import inbox, outbox
from messaging.outbox import Lag
from messaging.tables import InboxState

CHALLENGE = 'Bearer realm="bookstall"'


def watching_routes(shop: Shop, clock: Callable[[], float] = monotonic) -> list[BaseRoute]:
    """`/livez`, `/readyz` and `/metrics`."""
    health = Health(shop, clock)
    return [*health.routes(), Route("/metrics", Exposition(shop, health, clock).answer)]


class Backlog(NamedTuple):
    """What waits in a domain's database, and what nobody tries again."""

    lag: Lag
    pending: int
    dead: int


class Exposition:
    """Answers `/metrics`: what this process counted, and how things stand in the databases, the broker and the cache.

    How things stand is asked when somebody wants to know.
    """

    def __init__(self, shop: Shop, health: Health, clock: Callable[[], float]) -> None:
        self._shop = shop
        self._health = health
        self._standing = Recent(self._ask, clock)

    async def answer(self, request: Request) -> Response:
        """The figures in Prometheus' text format, for whoever may see them."""
        if refused := self._refused(request.headers.getlist("authorization")):
            return refused.response(JSON)
        registry = CollectorRegistry()
        for collector in (self._shop.meter.collector(), await self._standing.get()):
            registry.register(collector)
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})

    def _refused(self, authorization: Sequence[str]) -> Refused | None:
        wanted, production = self._shop.settings.metrics_token, self._shop.settings.production
        if wanted is None:
            # Who operates this learns what to do; that there are figures is no secret.
            message = "In production the figures are told to nobody: BOOKSTALL_METRICS_TOKEN is not set."
            return Refused(403, Code.FORBIDDEN, message) if production else None
        if not authorization:
            return Refused(401, Code.UNAUTHENTICATED, "The figures need a bearer token.", WWW_Authenticate=CHALLENGE)
        with suppress(TokenInvalid):
            given = bearer_token(authorization[0] if len(authorization) == 1 else None)
            if compare_digest(given.encode(), wanted.get_secret_value().encode()):
                return None
        message, challenge = "The token is not BOOKSTALL_METRICS_TOKEN.", f'{CHALLENGE}, error="invalid_token"'
        return Refused(401, Code.TOKEN_INVALID, message, WWW_Authenticate=challenge)

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

    def __init__(self, there: dict[str, bool], backlogs: dict[str, Backlog]) -> None:
        self._there = there
        self._backlogs = backlogs

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
