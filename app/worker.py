"""The worker: consumers, relays and sweeps of the chosen domains on one event loop, and the process around it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from functools import partial

from app.exposition import watching_routes
from app.metrics import Metrics
from app.process import console, listen, serve_until, start, stop_on_signals, url_of
from app.settings import DOMAINS, Settings
from app.subscriptions import SAGA
from app.wiring import Shop, open_shop, require_migrated
from graph.application import application
from kernel.logging import log
from kernel.sweep import Sweep
from messaging.consumer import Consumer
from messaging.event import Event
from messaging.missed import MissedEvents
from messaging.relay import Relay
from messaging.subscription import handlers_of
from messaging.transport import Transport

CACHE_IDLE_SECONDS = 30.0
EXPIRED_HOLDS_IDLE_SECONDS = 15.0
MAIL_IDLE_SECONDS = 5.0
OLD_KEYS_IDLE_SECONDS = 600.0
REFUNDS_IDLE_SECONDS = 1.0
"""Whoever asks for a refund is often another process, whose signal is not heard here."""
STALE_ORDERS_IDLE_SECONDS = 15.0

_log = log(__name__)


class Worker:
    """Starts the transport and the sweeps, and stops them in an order that loses nothing."""

    def __init__(
        self,
        transport: Transport,
        relays: Sequence[Relay],
        sweeps: Sequence[Sweep],
        *,
        meter: Metrics,
        stop_seconds: float,
    ) -> None:
        self._transport = transport
        self._relays = relays
        self._sending = [sweep for relay in relays for sweep in relay.sweeps()]
        self._sweeps = [*sweeps, *meter.sweeps()]
        self._meter = meter
        self._stop_seconds = stop_seconds
        self._tasks: dict[Sweep, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Deliveries and sweeps run from here on."""
        await self._transport.start()
        for sweep in (*self._sweeps, *self._sending):
            self._tasks[sweep] = asyncio.create_task(sweep.run(self._meter), name=sweep.name)

    async def stop(self) -> None:
        """Ends sweeps and deliveries, sends what they committed, and closes; each for at most the time limit.

        What is not done in time stays in the database.
        """
        await self._end(self._sweeps)
        await self._transport.rest()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(_send_all(relay) for relay in self._relays)), self._stop_seconds)
        await self._end(self._sending)
        await self._transport.stop()

    async def _end(self, sweeps: Sequence[Sweep]) -> None:
        for sweep in sweeps:
            sweep.stop()
        if tasks := [self._tasks[sweep] for sweep in sweeps if sweep in self._tasks]:
            _, late = await asyncio.wait(tasks, timeout=self._stop_seconds)
            for task in late:
                _log.warning("a sweep did not end in time and is cancelled", sweep=task.get_name())
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def sender(shop: Shop) -> Worker:
    """What every process does at least: it sends the events that it has written."""
    relays = [Relay(database, shop.transport) for database in shop.databases.values()]
    return Worker(shop.transport, relays, [], meter=shop.meter, stop_seconds=shop.settings.stop_seconds)


def worker(shop: Shop, domains: Sequence[str] = DOMAINS) -> Worker:
    """The consumers and sweeps of the chosen domains, and the relays of all; call it once for a shop."""
    sweeps = [sweep for domain in domains for sweep in _sweeps_of(domain, shop)]
    for domain in domains:
        handlers, count = handlers_of(domain, SAGA), partial(shop.meter.event, domain)
        consumer = Consumer(shop.databases[domain], handlers, count=count)
        shop.transport.consume(domain, consumer.events, consumer.receive, consumer.bury)
        sweeps += [*consumer.sweeps(), *_missed_events(domain, handlers, shop).sweeps()]
    relays = [Relay(database, shop.transport) for database in shop.databases.values()]
    return Worker(shop.transport, relays, sweeps, meter=shop.meter, stop_seconds=shop.settings.stop_seconds)


def run_worker(settings: Settings, domains: Sequence[str]) -> None:
    """Works for the chosen domains until SIGINT or SIGTERM; health and metrics are on the port. Raises Complaint."""
    settings.require_full_stack()
    start(_work(settings, domains))


async def _work(settings: Settings, domains: Sequence[str]) -> None:
    stop = stop_on_signals()
    with contextlib.closing(listen(settings.host, settings.port)) as listening:
        await require_migrated(settings)
        async with open_shop(settings, live=False) as shop:
            working = worker(shop, domains)
            await working.start()
            try:
                console.print(f"A worker of {', '.join(domains)} is at work.", soft_wrap=True)
                console.print(f"  Health  {url_of(listening)}/readyz")
                watching = application(watching_routes(shop), production=settings.production)
                await serve_until(stop, watching, listening, settings.stop_seconds)
            finally:
                await working.stop()


def _missed_events(domain: str, events: Collection[type[Event]], shop: Shop) -> MissedEvents:
    return MissedEvents(
        shop.databases[domain],
        shop.databases,
        events,
        shop.transport,
        grace_seconds=shop.settings.missed_seconds,
        look_seconds=shop.settings.look_seconds,
        count=partial(shop.meter.resent, domain),
    )


def _sweeps_of(domain: str, shop: Shop) -> list[Sweep]:
    """What a domain has to do beside handling events."""
    signals, services, settings = shop.databases[domain].signal, shop.services, shop.settings
    match domain:
        case "orders":
            orders, idle = services.orders, min(STALE_ORDERS_IDLE_SECONDS, settings.late_seconds)
            return [
                Sweep("stale orders", orders.finish_stale, idle_seconds=idle),
                Sweep("refunds", orders.finish_refunds, signal=signals("refunds"), idle_seconds=REFUNDS_IDLE_SECONDS),
                Sweep("old keys", orders.forget_attempts, idle_seconds=OLD_KEYS_IDLE_SECONDS),
            ]
        case "inventory":
            idle = min(EXPIRED_HOLDS_IDLE_SECONDS, settings.hold_seconds)
            return [Sweep("expired holds", services.inventory.expire_holds, idle_seconds=idle)]
        case "catalog":
            refresh = services.catalog.refresh_cache
            return [Sweep("catalog cache", refresh, signal=signals("offers"), idle_seconds=CACHE_IDLE_SECONDS)]
        case "notifications":
            deliver = services.notifications.deliver_due
            return [Sweep("mail", deliver, signal=signals("deliveries"), idle_seconds=MAIL_IDLE_SECONDS)]
    return []


async def _send_all(relay: Relay) -> None:
    while await relay.send_due():
        continue
