"""A cache that many processes share, in Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from kernel.cache import LIFE_SECONDS, CacheUnavailable

CALL_SECONDS = 0.25
PAUSE_SECONDS = 1.0
MOST_CONNECTIONS = 32
VERSION_DIGITS = 19
"""A value is stored behind its version, a number that always has as many digits and so compares as text."""

_SET_IF_NEWER = f"""
if redis.call('GETRANGE', KEYS[1], 0, {VERSION_DIGITS - 1}) >= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
return 1
"""


class RedisCache:
    """A `Cache` in Redis, under keys that begin with `prefix`; versions are not negative.

    A call takes `call_seconds` at most. After one that failed, all fail at once for `pause_seconds`; then one is tried,
    and the others only when it succeeds. So a Redis that is away costs next to nothing.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "bookstall:",
        life_seconds: float = LIFE_SECONDS,
        call_seconds: float = CALL_SECONDS,
        pause_seconds: float = PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MOST_CONNECTIONS,
            timeout=None,
            socket_timeout=call_seconds,
            socket_connect_timeout=call_seconds,
            retry=Retry(NoBackoff(), 1),  # a connection may have ended unnoticed
        )
        self._redis = Redis.from_pool(pool)
        self._prefix = prefix
        self._life_milliseconds = round(life_seconds * 1000)
        self._call_seconds = call_seconds
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._silent_until: float | None = None

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values in the order of their keys, None for each that is not kept."""
        if not keys:
            return []
        commands = self._redis.pipeline(transaction=False)
        commands.mget([self._prefix + key for key in keys])
        (stored,) = await self._ask(commands)
        return [None if value is None else value[VERSION_DIGITS:] for value in stored]

    async def set_if_newer(self, key: str, version: int, value: bytes) -> bool:
        """Keep a value unless one of this version or a newer one is kept already; whether it was kept."""
        arguments = (f"{version:0{VERSION_DIGITS}d}", value, self._life_milliseconds)
        commands = self._redis.pipeline(transaction=False)
        commands.eval(_SET_IF_NEWER, 1, self._prefix + key, *arguments)
        (kept,) = await self._ask(commands)
        return bool(kept)

    async def generation(self, name: str) -> int:
        """The current generation of a group, a number that Redis never had before, also after it lost everything."""
        key, commands = self._begun(name)
        commands.get(key)
        _, generation = await self._ask(commands)
        return int(generation)

    async def bump(self, name: str) -> int:
        """Begin a group's next generation."""
        key, commands = self._begun(name)
        commands.incr(key)
        _, generation = await self._ask(commands)
        return generation

    async def incarnation(self) -> str:
        """Changes when Redis is started anew, when another one takes its place, and when it is emptied."""
        key, commands = f"{self._prefix}incarnation", self._redis.pipeline()
        commands.set(key, uuid4().hex, nx=True)
        commands.get(key)
        commands.info("server")
        _, mark, server = await self._ask(commands)
        return f"{server['run_id']}-{mark.decode()}"

    async def close(self) -> None:
        """End the connections; nothing may be asked afterwards."""
        await self._redis.aclose()

    def _begun(self, name: str) -> tuple[str, Pipeline]:
        """A group's key, and commands that begin it at the time of day if it is lost: never where it was before."""
        key, commands = f"{self._prefix}generation:{name}", self._redis.pipeline()
        commands.set(key, time.time_ns() // 1000, nx=True)
        return key, commands

    async def _ask(self, commands: Pipeline) -> list[Any]:
        """The answers in time, or CacheUnavailable."""
        if self._silent_until is not None:
            if self._clock() < self._silent_until:
                raise CacheUnavailable("Redis did not answer a moment ago")
            self._fall_silent()
        try:
            async with asyncio.timeout(self._call_seconds):
                answers = await commands.execute()
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            self._fall_silent()
            raise CacheUnavailable(f"Redis cannot be used: {type(error).__name__}") from error
        self._silent_until = None
        return answers

    def _fall_silent(self) -> None:
        self._silent_until = self._clock() + self._pause_seconds
