"""Builds everything from the settings; the only place that knows concrete classes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.complaint import Complaint
from app.data_folder import DataFolder
from app.live_feed import LiveFeed, NoFeed
from app.mail import EmlFiles
from app.metrics import Metrics
from app.neighbours import StockOfInventory, TitlesOfCatalog
from app.oidc import JwksUrl, OidcVerifier, ProviderKeys
from app.operators import OperatorsDesk
from app.payments import MockPayments, NoPayments, WatchedPayments
from app.rates import open_rates
from app.settings import DOMAINS, IN_PROCESS, NO_OIDC, NO_STRIPE, Settings
from app.subscriptions import SAGA
from domains.catalog import CatalogService
from domains.inventory import InventoryService
from domains.notifications import NotificationsService
from domains.orders import OrdersService, Patience, PaymentProvider
from domains.sellers import SellersService
from graph.auth import EmbeddedIssuer, Expected, TokenVerifier
from graph.context import Services
from graph.live import Hub
from kernel.cache import Cache, CacheUnavailable, InProcessCache
from kernel.database import Database, DatabaseError, Full, Unavailable, open_database
from kernel.fail_points import armed
from kernel.migrations import migrate, pending
from kernel.redis_cache import RedisCache
from messaging import inbox, outbox
from messaging.inprocess import InProcessTransport
from messaging.rabbit import RabbitTransport
from messaging.rabbit_topology import Routes
from messaging.subscription import handlers_of
from messaging.transport import Transport

if TYPE_CHECKING:
    from app.payments.stripe_account import StripeAccount  # its library takes a quarter of a second to import

STRIPE_SHARE = 0.25
"""How much a request may take of the time that a charge has: it may need three, and a buyer waits."""

MOCK_SLOWNESS = 2
"""How many times as long as anybody waits for an answer the mock provider takes for a slow card."""


@dataclass(frozen=True, kw_only=True)
class Shop:
    """Everything that one process runs on."""

    settings: Settings
    databases: Mapping[str, Database]
    transport: Transport
    cache: Cache
    services: Services
    payments: PaymentProvider
    meter: Metrics
    verifier: TokenVerifier

    @property
    def issuer(self) -> EmbeddedIssuer:
        """Who issues the tokens here; raises Complaint where a provider does."""
        if not isinstance(self.verifier, EmbeddedIssuer):
            raise Complaint(f"tokens come from {self.settings.oidc_issuer}: get one there")
        return self.verifier

    async def reclaim(self) -> None:
        """Makes due at once what a process had claimed that died, instead of when its leases end.

        Only for whoever knows that no other process works on these databases.
        """
        for database in self.databases.values():
            await database.write(outbox.RECLAIM)
            await database.write(inbox.RECLAIM)
        await self.services.orders.reclaim_refunds()
        await self.services.notifications.reclaim_mails()

    async def cache_is_there(self) -> bool:
        """Whether the cache answers."""
        try:
            await self.cache.incarnation()
        except CacheUnavailable:
            return False
        return True


async def migrate_all(settings: Settings) -> None:
    """Brings every domain's database to its newest version, or makes it; raises Complaint, or Full."""
    for domain in DOMAINS:
        url = settings.database_of(domain)
        try:
            if not settings.owns_its_databases:
                from kernel.postgresql_creation import create_missing

                await create_missing(url)
            if await pending(url, domain):
                await migrate(url, domain)
        except Full:
            raise
        except DatabaseError as error:
            raise _without(settings, domain, error, "migrated") from None


def _without(settings: Settings, domain: str, error: Exception, done: str) -> Complaint:
    if isinstance(error, Unavailable) and not settings.owns_its_databases:
        where = settings.server_of(domain) or "its socket"
        return Complaint(f"PostgreSQL does not answer at {where} (BOOKSTALL_DATABASE_URL): {error}")
    return Complaint(f"the database of {domain} cannot be {done}: {error}")


async def require_migrated(settings: Settings, domains: Sequence[str] = DOMAINS) -> None:
    """Raises Complaint where a database is not at its newest version: this process must not guess its tables."""
    for domain in domains:
        try:
            behind = await pending(settings.database_of(domain), domain)
        except DatabaseError as error:
            raise Complaint(
                f"the database of {domain} does not answer: {error}; `bookstall migrate` makes one that is missing"
            ) from None
        if behind:
            raise Complaint(f"the database of {domain} is not at this version: run `bookstall migrate`")


@asynccontextmanager
async def open_shop(settings: Settings, *, live: bool = True) -> AsyncIterator[Shop]:
    """Opens the databases, which must be migrated, and builds the services; closes all at the end."""
    folder = DataFolder(settings.data)
    folder.make()
    async with AsyncExitStack() as stack:
        stack.enter_context(armed(settings.fail_point))
        databases: dict[str, Database] = {}
        for domain in DOMAINS:
            databases[domain] = await _opened(settings, domain, stack)
        transport, cache = _transport(settings), _cache(settings, stack)
        hub = Hub(LiveFeed(transport) if live else NoFeed())
        stack.callback(hub.close)
        meter = Metrics(databases, hub.watchers)
        payments = _payments(settings, folder, stack)
        services = _services(settings, folder, databases, cache, payments, hub, meter)
        services.limits, services.rates = settings.limits(), open_rates(settings, meter.counted_alone)
        stack.push_async_callback(services.rates.close)
        stack.push_async_callback(_finish_checkouts, services.orders, settings.stop_seconds)
        yield Shop(
            settings=settings,
            databases=databases,
            transport=transport,
            cache=cache,
            services=services,
            payments=payments,
            meter=meter,
            verifier=_verifier(settings, folder, stack),
        )


@asynccontextmanager
async def open_catalog(settings: Settings) -> AsyncIterator[CatalogService]:
    """The catalogue alone, whose database must be migrated."""
    async with AsyncExitStack() as stack:
        database = await _opened(settings, "catalog", stack)
        yield CatalogService(database, _cache(settings, stack))


async def _opened(settings: Settings, domain: str, stack: AsyncExitStack) -> Database:
    try:
        database = await open_database(
            settings.database_of(domain),
            name=domain,
            pool_size=settings.pool_size,
            statement_seconds=settings.statement_seconds,
            lock_seconds=settings.lock_seconds,
        )
    except (DatabaseError, ValueError) as error:
        raise _without(settings, domain, error, "opened") from None
    stack.push_async_callback(database.close)
    return database


def routes() -> Routes:
    """The names of the events that each domain consumes."""
    return {domain: [event.__name__ for event in handlers_of(domain, SAGA)] for domain in DOMAINS}


def _transport(settings: Settings) -> Transport:
    url = settings.transport_url.get_secret_value()
    if url == IN_PROCESS:
        return InProcessTransport()
    return RabbitTransport(
        url,
        routes=routes(),
        prefetch=settings.prefetch,
        stop_seconds=settings.stop_seconds,
        check_seconds=settings.look_seconds,
    )


def _cache(settings: Settings, stack: AsyncExitStack) -> Cache:
    url = settings.cache_url.get_secret_value()
    if url == IN_PROCESS:
        return InProcessCache()
    cache = RedisCache(url)
    stack.push_async_callback(cache.close)
    return cache


def _verifier(settings: Settings, folder: DataFolder, stack: AsyncExitStack) -> TokenVerifier:
    if settings.issues_its_tokens:
        return folder.issuer()
    url = JwksUrl(settings.oidc_jwks_url, answer_seconds=settings.oidc_answer_seconds)
    stack.push_async_callback(url.close)
    keys = ProviderKeys(url.fetch, keep_seconds=settings.oidc_keep_seconds, floor_seconds=settings.oidc_floor_seconds)
    stack.push_async_callback(keys.close)
    prefix = settings.oidc_role_prefix
    expected = Expected(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        roles_claim=settings.oidc_roles_claim,
        role_prefix="" if prefix == NO_OIDC else prefix,
    )
    return OidcVerifier(keys, expected, believed_seconds=settings.oidc_keep_seconds)


async def _finish_checkouts(orders: OrdersService, seconds: float) -> None:
    """Waits for checkouts whose callers went away; what is not done in time is finished after the next start."""
    with suppress(TimeoutError):
        await asyncio.wait_for(orders.finish_running(), seconds)


def _payments(settings: Settings, folder: DataFolder, stack: AsyncExitStack) -> PaymentProvider:
    if settings.payments == "mock":
        return MockPayments(folder.charges, slow_seconds=MOCK_SLOWNESS * settings.answer_seconds)
    if settings.payments == "none":
        return NoPayments()
    from app.payments.stripe import StripePayments

    account = stripe_account(settings, settings.charge_seconds * STRIPE_SHARE)
    stack.push_async_callback(account.close)
    return_url = settings.stripe_return_url
    return StripePayments(account, return_url=None if return_url == NO_STRIPE else return_url)


def stripe_account(settings: Settings, answer_seconds: float) -> StripeAccount:
    """The account at Stripe that the settings name."""
    from app.payments.stripe_account import StripeAccount

    return StripeAccount(settings.stripe_key.get_secret_value(), url=settings.stripe_url, answer_seconds=answer_seconds)


def _services(
    settings: Settings,
    folder: DataFolder,
    databases: Mapping[str, Database],
    cache: Cache,
    payments: PaymentProvider,
    hub: Hub,
    meter: Metrics,
) -> Services:
    currency = settings.currency
    inventory = InventoryService(databases["inventory"], currency=currency, hold_seconds=settings.hold_seconds)
    catalog = CatalogService(databases["catalog"], cache)
    orders = OrdersService(
        databases["orders"],
        StockOfInventory(inventory),
        TitlesOfCatalog(catalog),
        WatchedPayments(payments),
        currency=currency,
        patience=Patience(
            placing_seconds=settings.placing_seconds,
            charge_seconds=settings.charge_seconds,
            late_seconds=settings.late_seconds,
            action_seconds=settings.action_seconds,
        ),
        answer_seconds=settings.answer_seconds,
        cancel_seconds=settings.cancel_seconds,
        key_hours=settings.key_hours,
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
        meter=meter,
    )
