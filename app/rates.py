"""Rates: how often somebody asked within the last minute, counted in this process or, for many processes, in Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from cachetools import TTLCache
from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.settings import IN_PROCESS, Settings
from kernel.logging import log
from kernel.redis_cache import CALL_SECONDS, MOST_CONNECTIONS, PAUSE_SECONDS

MINUTE_SECONDS = 60.0
PREFIX = "bookstall:rate"
SHARES = 600
"""A limit is taken in so many shares."""
MOST_SHARES = 100_000
"""How many shares a process keeps; beyond that the one that was not used for longest is lost."""

_log = log(__name__)


def open_rates(settings: Settings, uncounted: Callable[[], None]) -> InProcessRates | RedisRates:
    """What counts where the cache is; `uncounted` is called for each request that could not be counted."""
    url, viewer, address = settings.cache_url.get_secret_value(), settings.rate_per_viewer, settings.rate_per_address
    if url == IN_PROCESS:
        return InProcessRates(per_viewer=viewer, per_address=address)
    return RedisRates(url, per_viewer=viewer, per_address=address, uncounted=uncounted)


class InProcessRates:
    """Counts in the memory of one process.

    The last 60 seconds are taken to have a share of the minute before, as large as the part of it that they cover.
    """

    def __init__(self, *, per_viewer: int, per_address: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = {"viewer": per_viewer, "address": per_address}
        self._clock = clock
        self._minute = 0
        self._now: dict[tuple[str, str], int] = {}
        self._before: dict[tuple[str, str], int] = {}

    async def wait(self, address: str | None, viewer: str | None) -> float:
        """Count a request of this address and this viewer; how many seconds it has to wait, 0 where it may go on."""
        minute, elapsed = divmod(self._clock(), MINUTE_SECONDS)
        if minute != self._minute:
            self._before = self._now if minute == self._minute + 1 else {}
            self._now, self._minute = {}, int(minute)
        return max(self._count("address", address, elapsed), self._count("viewer", viewer, elapsed))

    async def close(self) -> None:
        """Nothing to end."""

    def _count(self, kind: str, name: str | None, elapsed: float) -> float:
        limit = self._limits[kind]
        if name is None or not limit:
            return 0.0
        key = (kind, name)
        before, now = self._before.get(key, 0), self._now.get(key, 0)
        if before * (1 - elapsed / MINUTE_SECONDS) + now + 1 <= limit:
            self._now[key] = now + 1
            return 0.0
        room = limit - 1 - now
        if room >= 0:
            return MINUTE_SECONDS * (1 - room / before) - elapsed
        return MINUTE_SECONDS * (2 - (limit - 1) / now) - elapsed


class RedisRates:
    """Counts in Redis, for all processes together.

    A process asks Redis for a small share of a limit at once and spends that by itself, so that most requests cost no
    call. While Redis is away nobody is counted and nobody has to wait: a call takes `call_seconds` at most, and after
    one that failed none is made for `pause_seconds`.
    """

    def __init__(
        self,
        url: str,
        *,
        per_viewer: int,
        per_address: int,
        prefix: str = PREFIX,
        uncounted: Callable[[], None] = lambda: None,
        call_seconds: float = CALL_SECONDS,
        pause_seconds: float = PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MOST_CONNECTIONS,
            timeout=None,
            socket_timeout=call_seconds,
            socket_connect_timeout=call_seconds,
            retry=Retry(NoBackoff(), 1),  # a connection may have ended unnoticed
        )
        storage = RedisStorage(url, implementation="redispy", key_prefix=prefix, connection_pool=self._pool)  # pyright: ignore[reportArgumentType]
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._limits = {
            kind: RateLimitItemPerMinute(limit)
            for kind, limit in (("viewer", per_viewer), ("address", per_address))
            if limit
        }
        self._left: TTLCache[tuple[str, str], int] = TTLCache(MOST_SHARES, MINUTE_SECONDS, timer=clock)
        self._uncounted = uncounted
        self._call_seconds = call_seconds
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._silent_until: float | None = None

    async def wait(self, address: str | None, viewer: str | None) -> float:
        """Count a request of this address and this viewer; how many seconds it has to wait, 0 where it may go on."""
        named = (("address", address), ("viewer", viewer))
        unpaid = [(kind, name) for kind, name in named if name is not None and not self._spent(kind, name)]
        if not unpaid:
            return 0.0
        if self._silent_until is not None and self._clock() < self._silent_until:
            self._uncounted()
            return 0.0
        try:
            async with asyncio.timeout(self._call_seconds):
                waits = [await self._take(kind, name) for kind, name in unpaid]
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            self._fall_silent(error)
            return 0.0
        if self._silent_until is not None:
            self._silent_until = None
            _log.info("rates_counted_again")
        return max(waits, default=0.0)

    async def close(self) -> None:
        """End the connections."""
        await self._pool.disconnect()

    def _spent(self, kind: str, name: str) -> bool:
        """Whether the request was taken from what this process has left of a share."""
        left = self._left.get((kind, name), 0)
        if left:
            self._left[kind, name] = left - 1
        return left > 0 or kind not in self._limits

    async def _take(self, kind: str, name: str) -> float:
        """Take the next share; how many seconds to wait where there is none."""
        limit = self._limits[kind]
        share = max(1, limit.amount // SHARES)
        if await self._limiter.hit(limit, kind, name, cost=share):
            self._left[kind, name] = share - 1
            return 0.0
        stats = await self._limiter.get_window_stats(limit, kind, name)
        return max(stats.reset_time - time.time(), 0.1)

    def _fall_silent(self, error: Exception) -> None:
        if self._silent_until is None:
            _log.warning("rates_not_counted", reason=type(error).__name__)
        self._silent_until = self._clock() + self._pause_seconds
        self._uncounted()
