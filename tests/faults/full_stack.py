"""A marketplace of separate processes on private servers: one gateway, two workers, and databases of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import count as numbers
from pathlib import Path
from typing import NamedTuple

import aio_pika
import httpx
from aio_pika.exceptions import ChannelNotFoundEntity
from sqlalchemy import BigInteger, column, text

from app.devstack import Stack
from app.settings import DOMAINS, Settings
from kernel.database import Database, open_database
from kernel.migrations import migrate
from messaging.rabbit_topology import dead_queue_of, queue_of
from tests.conftest import wait_until
from tests.faults.ledger import Broken, broken_at_rest
from tests.outages import off_the_loop
from tests.server import Server, bookstall

REST_SECONDS = 90.0
"""Ample: a machine may have other things to do."""


class Count(NamedTuple):
    """How many rows there are."""

    rows: int


class Marketplace:
    """`gateway` and `workers` are processes: start, kill and stop each as a test needs it."""

    def __init__(self, servers: Stack, data: Path, settings: Mapping[str, str]) -> None:
        self.servers = servers
        self.data = data
        self.environment = dict(settings)
        self.settings = Settings.load(
            data=data,
            database_url=settings["BOOKSTALL_DATABASE_URL"],
            transport_url=settings["BOOKSTALL_TRANSPORT_URL"],
            cache_url=settings["BOOKSTALL_CACHE_URL"],
        )
        self.gateway = Server(data, command="gateway", settings=settings)
        self.workers = [Server(data, command="worker", settings=settings) for _ in range(2)]
        self._databases: dict[str, Database] = {}

    @property
    def processes(self) -> Sequence[Server]:
        """All of them."""
        return self.gateway, *self.workers

    async def open(self) -> None:
        """Starts all processes."""
        for domain in DOMAINS:
            self._databases[domain] = await open_database(self.settings.database_of(domain), name=domain, pool_size=2)
        await asyncio.gather(*(process.start() for process in self.processes))

    async def close(self) -> None:
        """Stops what still runs."""
        await asyncio.gather(*(process.stop() for process in self.processes if process.url))
        for database in self._databases.values():
            await database.close()

    def database(self, domain: str) -> Database:
        """A domain's database, to look at what nobody shows."""
        return self._databases[domain]

    async def count(self, domain: str, what: str) -> int:
        """How many rows there are of `table WHERE condition`."""
        query = text(f"SELECT COUNT(*) AS rows FROM {what}").columns(column("rows", BigInteger))
        [found] = await self._databases[domain].read().dynamic(query, Count)
        return found.rows

    async def comes_to_rest(self) -> None:
        """Everything that was begun is finished, and the books of all domains agree."""
        found: Broken = {}

        async def at_rest() -> bool:
            nonlocal found
            found = await broken_at_rest(self.settings)
            return not found

        try:
            await wait_until(at_rest, seconds=REST_SECONDS)
        except TimeoutError:
            assert found == {}, self.gateway.log()[-4000:]
            raise
        said = await bookstall("audit", "--data", self.data, settings=self.environment)
        assert said.code == 0, said

    async def misses_nothing(self) -> bool:
        """Whether every process says that nothing is away."""
        async with httpx.AsyncClient(timeout=5) as http:
            answers = await asyncio.gather(*(http.get(f"{process.url}/readyz") for process in self.processes))
        return all(answer.json() == {"ready": True, "away": {}} for answer in answers)

    async def waiting(self, queue: str) -> int:
        """How many messages of a queue are not with a consumer."""
        async with await aio_pika.connect(self.servers.transport_url) as connection, connection.channel() as channel:
            return (await channel.get_queue(queue)).declaration_result.message_count or 0


class FullStack:
    """Private servers with migrated databases, of which every marketplace gets a copy."""

    def __init__(self, servers: Stack) -> None:
        self.servers = servers
        self._numbers = numbers(1)

    async def prepare(self) -> None:
        """Brings the databases to their newest version."""
        for domain in DOMAINS:
            await migrate(self.servers.postgresql.url(domain), domain)

    async def marketplace(self, data: Path, settings: Mapping[str, str]) -> Marketplace:
        """A new one, which finds nothing of another one on the servers; it does not run yet."""
        await off_the_loop(self.servers.start)
        await self._purge_queues()
        number = next(self._numbers)
        for domain in DOMAINS:
            self.servers.postgresql.create_database(f"{domain}_{number}", template=domain)
        url = self.servers.postgresql.url(f"{{domain}}_{number}")
        return Marketplace(self.servers, data, {**self.servers.environment, "BOOKSTALL_DATABASE_URL": url, **settings})

    async def _purge_queues(self) -> None:
        async with await aio_pika.connect(self.servers.transport_url) as connection:
            for name in (of(domain) for domain in DOMAINS for of in (queue_of, dead_queue_of)):
                async with connection.channel() as channel:
                    try:
                        await (await channel.get_queue(name)).purge()
                    except ChannelNotFoundEntity:
                        return  # no process has declared anything yet
