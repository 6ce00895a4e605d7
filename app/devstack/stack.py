"""The three servers of the full stack together."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from app.devstack.postgresql import PostgreSQL, find_postgresql
from app.devstack.rabbitmq import RabbitMQ, find_rabbitmq
from app.devstack.redis import Redis, find_redis
from app.devstack.server import Server
from app.settings import DOMAINS


class ServerMissing(Exception):
    """A server is not installed on this machine; the message says in one line what to install."""


def required(find: Callable[[], Path | None], package: str) -> Path:
    """What `find` finds; raises ServerMissing."""
    found = find()
    if found is None:
        raise ServerMissing(f"this machine lacks a server: install Debian's package {package} or what gives the same")
    return found


class Stack:
    """PostgreSQL with a database for each domain, RabbitMQ and Redis; stop, kill and start each as a test needs it.

    Its data lie in `folder`, or else in temporary ones that `close` deletes. Raises ServerMissing.
    """

    def __init__(self, folder: Path | None = None, *, durable: bool = False) -> None:
        def part(name: str) -> Path | None:
            return None if folder is None else folder / name

        self.postgresql = PostgreSQL(required(find_postgresql, "postgresql"), part("postgresql"), durable=durable)
        self.rabbitmq = RabbitMQ(required(find_rabbitmq, "rabbitmq-server"), part("rabbitmq"))
        self.redis = Redis(required(find_redis, "redis-server"), part("redis"))

    @property
    def servers(self) -> tuple[Server, ...]:
        """All of them."""
        return self.postgresql, self.rabbitmq, self.redis

    def start(self) -> None:
        """Start those that do not run, all at once; ServerFailed if one does not come up."""
        with ThreadPoolExecutor(len(self.servers)) as threads:
            starting = [
                threads.submit(start) for start in (self._start_databases, self.rabbitmq.start, self.redis.start)
            ]
        for started in starting:
            started.result()

    def stop(self) -> None:
        """Stop them; their data stay."""
        for server in self.servers:
            server.stop()

    def close(self) -> None:
        """Stop them, and delete their data if they lie in temporary folders."""
        for server in self.servers:
            server.close()

    @property
    def database_url(self) -> str:
        """The URL of a domain's database, with `{domain}` in the place of its name."""
        return self.postgresql.url("{domain}")

    @property
    def transport_url(self) -> str:
        """RabbitMQ's URL."""
        return self.rabbitmq.url

    @property
    def cache_url(self) -> str:
        """Redis' URL."""
        return self.redis.url

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which Bookstall runs on these servers."""
        return {
            "BOOKSTALL_DATABASE_URL": self.database_url,
            "BOOKSTALL_TRANSPORT_URL": self.transport_url,
            "BOOKSTALL_CACHE_URL": self.cache_url,
        }

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start_databases(self) -> None:
        self.postgresql.start()
        for domain in sorted(set(DOMAINS) - self.postgresql.databases()):
            self.postgresql.create_database(domain)
