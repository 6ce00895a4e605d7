"""Builds everything from the settings; the only place that knows concrete classes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from app.complaint import Complaint
from app.data_folder import DataFolder
from app.live_feed import LiveFeed
from app.mail import EmlFiles
from app.neighbours import StockOfInventory, TitlesOfCatalog
from app.operators import OperatorsDesk
from app.payments import MockPayments
from app.settings import DOMAINS, Settings
from app.subscriptions import SAGA
from app.worker import Worker
from domains.catalog import CatalogService
from domains.inventory import InventoryService
from domains.notifications import NotificationsService
from domains.orders import OrdersService, Patience
from domains.sellers import SellersService
from graph.auth import EmbeddedIssuer
from graph.context import Services
from graph.live import Hub
from kernel.cache import InProcessCache
from kernel.database import Database, DatabaseError, open_database
from kernel.migrations import migrate, pending
from kernel.sweep import Sweep
from messaging import inbox, outbox
from messaging.consumer import Consumer
from messaging.inprocess import InProcessTransport
from messaging.relay import Relay
from messaging.subscription import handlers_of
from messaging.transport import Transport

CACHE_IDLE_SECONDS = 30.0
MAIL_IDLE_SECONDS = 5.0
STALE_ORDERS_IDLE_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class Shop:
    """Everything that one process runs on."""

    settings: Settings
    databases: Mapping[str, Database]
    transport: Transport
    services: Services
    issuer: EmbeddedIssuer

    async def reclaim(self) -> None:
        """Makes due at once what a process had claimed that died, instead of when its leases end.

        Only for whoever knows that no other process works on these databases.
        """
        for database in self.databases.values():
            await database.write(outbox.RECLAIM)
            await database.write(inbox.RECLAIM)
        await self.services.notifications.reclaim_mails()

    def worker(self) -> Worker:
        """Consumers, relays and sweeps of every domain; call it once."""
        sweeps = self._domain_sweeps()
        for name, database in self.databases.items():
            consumer = Consumer(database, handlers_of(name, SAGA))
            self.transport.consume(name, consumer.events, consumer.receive)
            sweeps += [*consumer.sweeps(), *Relay(database, self.transport).sweeps()]
        return Worker(self.transport, sweeps, stop_seconds=self.settings.stop_seconds)

    def _domain_sweeps(self) -> list[Sweep]:
        orders, catalog, notifications = self.services.orders, self.services.catalog, self.services.notifications
        return [
            Sweep(
                "stale orders", orders.finish_stale,
                idle_seconds=min(STALE_ORDERS_IDLE_SECONDS, self.settings.late_seconds),
            ),
            Sweep(
                "catalog cache", catalog.refresh_cache,
                signal=self.databases["catalog"].signal("offers"), idle_seconds=CACHE_IDLE_SECONDS,
            ),
            Sweep(
                "mail", notifications.deliver_due,
                signal=self.databases["notifications"].signal("deliveries"), idle_seconds=MAIL_IDLE_SECONDS,
            ),
        ]  # fmt: skip


async def migrate_all(settings: Settings) -> None:
    """Brings every domain's database to its newest version; raises Complaint."""
    for domain in DOMAINS:
        url = settings.database_of(domain)
        try:
            if await pending(url, domain):
                await migrate(url, domain)
        except DatabaseError as error:
            raise Complaint(f"the database of {domain} cannot be migrated: {error}") from None


@asynccontextmanager
async def open_shop(settings: Settings) -> AsyncIterator[Shop]:
    """Opens the databases, which must be migrated, and builds the services; closes all at the end."""
    folder = DataFolder(settings.data)
    async with AsyncExitStack() as stack:
        databases: dict[str, Database] = {}
        for domain in DOMAINS:
            try:
                database = await open_database(settings.database_of(domain), name=domain, pool_size=settings.pool_size)
            except (DatabaseError, ValueError) as error:
                raise Complaint(f"the database of {domain} cannot be opened: {error}") from None
            stack.push_async_callback(database.close)
            databases[domain] = database
        transport = InProcessTransport()
        hub = Hub(LiveFeed(transport))
        stack.callback(hub.close)
        services = _services(settings, folder, databases, hub)
        stack.push_async_callback(_finish_checkouts, services.orders, settings.stop_seconds)
        yield Shop(
            settings=settings,
            databases=databases,
            transport=transport,
            services=services,
            issuer=folder.issuer(),
        )


async def _finish_checkouts(orders: OrdersService, seconds: float) -> None:
    """Waits for checkouts whose callers went away; what is not done in time is finished after the next start."""
    with suppress(TimeoutError):
        await asyncio.wait_for(orders.finish_running(), seconds)


def _services(settings: Settings, folder: DataFolder, databases: Mapping[str, Database], hub: Hub) -> Services:
    currency = settings.currency
    inventory = InventoryService(databases["inventory"], currency=currency)
    catalog = CatalogService(databases["catalog"], InProcessCache())
    orders = OrdersService(
        databases["orders"],
        StockOfInventory(inventory),
        TitlesOfCatalog(catalog),
        MockPayments(folder.charges),
        currency=currency,
        patience=Patience(
            placing_seconds=settings.placing_seconds,
            charge_seconds=settings.charge_seconds,
            late_seconds=settings.late_seconds,
        ),
    )
    return Services(
        orders=orders,
        inventory=inventory,
        catalog=catalog,
        sellers=SellersService(databases["sellers"], currency=currency),
        notifications=NotificationsService(
            databases["notifications"], EmlFiles(folder.mail), sender=settings.mail_sender
        ),
        hub=hub,
        desk=OperatorsDesk(databases),
    )
