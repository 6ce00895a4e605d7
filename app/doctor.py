"""`bookstall doctor`: looks at every setting and connection before people do, and changes nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections import defaultdict
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import aio_pika
from aio_pika.exceptions import AMQPError, ProbableAuthenticationError

from app.complaint import Complaint
from app.data_folder import DataFolder
from app.oidc import JwksUrl, KeysNotFetched
from app.process import console
from app.settings import DOMAINS, IN_PROCESS, InvalidSetting, Settings
from app.wiring import routes, stripe_account
from graph.auth import KEY_FILE
from kernel.cache import CacheUnavailable
from kernel.database import DatabaseError, Unavailable
from kernel.migrations import pending
from messaging.rabbit_topology import differences

ANSWER_SECONDS = 5.0
"""What takes longer to answer is away."""
SPARE_CONNECTIONS = 10
"""For commands, for processes that start before others have ended, and for people who look."""
OLDEST_POSTGRESQL = 14
BROKERS_FAULTS = {
    ProbableAuthenticationError: "it takes neither this name nor this password",
    ConnectionError: "no connection",
    TimeoutError: "no answer in time",
}
USUAL_PROCESSES = 4
"""A gateway of two and two workers, as `make stack` and `deploy/compose.yaml` start."""


class Finding(NamedTuple):
    """One check: what was looked at, whether all is well, and what was found or is to be done."""

    what: str
    ok: bool
    said: str


def examine(settings: Settings, processes: int | None) -> bool:
    """Prints a line for each check; whether all is well."""
    findings = asyncio.run(look(settings, processes))
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        said = f"{'ok' if finding.ok else 'wrong':5}  {finding.what:{width}}  {finding.said}"
        console.print(said, markup=False, soft_wrap=True)
    return all(finding.ok for finding in findings)


async def look(settings: Settings, processes: int | None = None) -> list[Finding]:
    """Every finding; `processes` is how many gateways and workers there are to be."""
    if processes is None:
        processes = 1 if settings.owns_its_databases else USUAL_PROCESSES
    checks: list[Coroutine[Any, Any, Finding]] = [_database(settings, domain) for domain in DOMAINS]
    if not settings.owns_its_databases:
        checks += [_connections(settings, domains, processes) for domains in _by_server(settings)]
    if not settings.issues_its_tokens:
        checks.append(_issuer(settings))
    checks += [_broker(settings), _cache(settings), _payments(settings)]
    return [*_at_once(settings, processes), *await asyncio.gather(*checks)]


def _at_once(settings: Settings, processes: int) -> Iterable[Finding]:
    yield _processes(settings, processes)
    yield _time_limits(settings)
    yield _folder(settings.data)
    if settings.issues_its_tokens:
        yield _key(settings.data)


def _processes(settings: Settings, processes: int) -> Finding:
    if processes > 1:
        try:
            settings.require_full_stack()
        except InvalidSetting as error:
            return Finding("processes", False, str(error))
    return Finding(
        "processes", True, "one, with everything in it" if processes == 1 else f"{processes}, on shared servers"
    )


def _time_limits(settings: Settings) -> Finding:
    lock, statement = settings.lock_seconds, settings.statement_seconds
    if lock >= statement:
        said = f"BOOKSTALL_LOCK_SECONDS ({lock:g}) has to be less than BOOKSTALL_STATEMENT_SECONDS ({statement:g})"
        return Finding("time limits", False, f"{said}: a wait for a lock would end its statement instead")
    return Finding("time limits", True, f"{lock:g} s for a lock, {statement:g} s for a statement")


def _folder(path: Path) -> Finding:
    if not path.exists():
        above = next(parent for parent in path.absolute().parents if parent.exists())
        if above.is_dir() and os.access(above, os.W_OK):
            return Finding("data folder", True, f"{path} is not there yet: the first start makes it")
        return Finding("data folder", False, f"{path} is not there and cannot be made: {above} cannot be written")
    if not path.is_dir():
        return Finding("data folder", False, f"{path} is a file, not a folder; name another with --data")
    try:
        with tempfile.TemporaryFile(dir=path):
            return Finding("data folder", True, f"{path} can be written")
    except OSError as error:
        return Finding("data folder", False, f"{path} cannot be written: {error.strerror}; name another with --data")


def _key(path: Path) -> Finding:
    if not (path / KEY_FILE).exists():
        return Finding("token key", True, "is not there yet: the first start makes it")
    try:
        DataFolder(path).issuer()
    except Complaint as error:
        return Finding("token key", False, str(error))
    return Finding("token key", True, f"{path / KEY_FILE} can be read")


async def _issuer(settings: Settings) -> Finding:
    url = JwksUrl(settings.oidc_jwks_url, answer_seconds=settings.oidc_answer_seconds)
    try:
        keys = await url.fetch()
    except KeysNotFetched as error:
        doubt = "is BOOKSTALL_OIDC_JWKS_URL right, can it be reached?"
        return Finding("token keys", False, f"cannot be fetched ({error}): {doubt}")
    finally:
        await url.close()
    count, algorithms = len({name for name, _ in keys}), sorted({algorithm for _, algorithm in keys})
    return Finding("token keys", True, f"{count} of {settings.oidc_issuer}, for {', '.join(algorithms)}")


async def _database(settings: Settings, domain: str) -> Finding:
    what, url = f"database {domain}", settings.database_of(domain)
    remedy = "the next start" if settings.owns_its_databases else "`bookstall migrate`"
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            behind = await pending(url, domain)
            version = "SQLite" if settings.owns_its_databases else await _postgresql(url)
    except (Unavailable, TimeoutError) as error:
        reason = str(error) or "no answer in time"
        return Finding(what, False, f"cannot be reached ({reason}): is BOOKSTALL_DATABASE_URL right, is it running?")
    except Complaint as error:
        return Finding(what, False, str(error))
    except DatabaseError as error:
        return Finding(what, False, f"cannot be used: {error}; if it is missing, {remedy} makes it")
    if behind:
        return Finding(what, settings.owns_its_databases, f"is not at this version: {remedy} brings it there")
    return Finding(what, True, f"is at this version, on {version}")


async def _postgresql(url: str) -> str:
    from kernel.postgresql_server import server_facts

    facts = await server_facts(url)
    if facts.major < OLDEST_POSTGRESQL:
        raise Complaint(f"is PostgreSQL {facts.version}: upgrade it to {OLDEST_POSTGRESQL} or newer")
    return f"PostgreSQL {facts.version}"


def _by_server(settings: Settings) -> list[list[str]]:
    """The domains whose databases share a server and so its connections."""
    servers: dict[str, list[str]] = defaultdict(list)
    for domain in DOMAINS:
        servers[settings.server_of(domain)].append(domain)
    return list(servers.values())


async def _connections(settings: Settings, domains: list[str], processes: int) -> Finding:
    from kernel.postgresql_server import server_facts

    what = "connections" if len(domains) == len(DOMAINS) else f"connections of {', '.join(domains)}"
    try:
        facts = await server_facts(settings.database_of(domains[0]))
    except DatabaseError:
        return Finding(what, False, "cannot be counted while the database cannot be used")
    pools = processes * len(domains)
    wanted = pools * settings.pool_size + SPARE_CONNECTIONS
    sum_of = f"{processes} processes x {settings.pool_size} connections x {len(domains)} domains"
    said = f"{sum_of} + {SPARE_CONNECTIONS} spare = {wanted}, and the server has {facts.connections}"
    if wanted <= facts.connections:
        return Finding(what, True, said)
    fits = (facts.connections - SPARE_CONNECTIONS) // pools
    smaller = f"lower BOOKSTALL_POOL_SIZE to {fits}" if fits >= 1 else "start fewer processes"
    more = f"PostgreSQL's max_connections by {wanted - facts.connections} or more"
    return Finding(what, False, f"{said}: raise {more}, or {smaller}")


async def _broker(settings: Settings) -> Finding:
    url = settings.transport_url.get_secret_value()
    if url == IN_PROCESS:
        return Finding("broker", True, "the process itself")
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # what it says of a broker that is away, the line says
    try:
        async with asyncio.timeout(ANSWER_SECONDS), await aio_pika.connect(url) as connection:
            missing, other = await differences(connection, routes())
            count = len(routes()) * 2
    except (AMQPError, OSError, ValueError) as error:  # TimeoutError is an OSError
        reason = next((said for kind, said in BROKERS_FAULTS.items() if isinstance(error, kind)), type(error).__name__)
        return Finding("broker", False, f"cannot be used ({reason}): is BOOKSTALL_TRANSPORT_URL right, is it running?")
    if other:
        said = f"{', '.join(other)}: there with other arguments; delete what is empty, and a process declares it anew"
        return Finding("broker", False, said)
    if len(missing) == count:
        return Finding("broker", True, "RabbitMQ answers; the first process declares its queues")
    if missing:
        return Finding("broker", False, f"{', '.join(missing)}: not there; the next process that starts declares it")
    return Finding("broker", True, f"RabbitMQ answers, with all of its {count} queues")


async def _cache(settings: Settings) -> Finding:
    url = settings.cache_url.get_secret_value()
    if url == IN_PROCESS:
        return Finding("cache", True, "the process itself")
    from kernel.redis_cache import RedisCache

    try:
        cache = RedisCache(url, call_seconds=ANSWER_SECONDS)
        try:
            await cache.get_many(["doctor"])
        finally:
            await cache.close()
    except (CacheUnavailable, ValueError) as error:
        return Finding("cache", False, f"{error}: is BOOKSTALL_CACHE_URL right, is it running?")
    return Finding("cache", True, "Redis answers")


async def _payments(settings: Settings) -> Finding:
    if settings.payments == "none":
        return Finding("payments", True, "nobody takes money: nothing can be bought")
    if settings.payments == "mock":
        return Finding("payments", True, "the mock provider, which takes no money")
    from stripe import AuthenticationError, StripeError

    account = stripe_account(settings, ANSWER_SECONDS)
    try:
        await account.reach()
    except (StripeError, TimeoutError) as error:
        doubt = "is BOOKSTALL_STRIPE_KEY right?" if isinstance(error, AuthenticationError) else "can it be reached?"
        return Finding("payments", False, f"Stripe cannot be used ({type(error).__name__}): {doubt}")
    finally:
        await account.close()
    live = settings.stripe_key.get_secret_value()[2:].startswith("_live_")
    if settings.production and not live:
        return Finding("payments", False, "Stripe answers in test mode, which moves no money: use a live key")
    return Finding("payments", True, f"Stripe answers, in {'live' if live else 'test'} mode")
