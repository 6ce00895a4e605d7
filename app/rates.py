"""Rates: how often somebody asked within the last minute, counted in this process or, for many processes, in Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from weakref import WeakValueDictionary

from cachetools import LRUCache, TTLCache
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
MOST_COUNTS = 50_000
"""How many viewers a process counts in a minute, and how many addresses; who asked for nothing longest is forgotten."""
KINDS = ("address", "viewer")

_log = log(__name__)


def open_rates(settings: Settings, counted_alone: Callable[[], None]) -> InProcessRates | RedisRates:
    """What counts where the cache is; `counted_alone` is called for each request that Redis should have counted."""
    url, viewer, address = settings.cache_url.get_secret_value(), settings.rate_per_viewer, settings.rate_per_address
    if url == IN_PROCESS:
        return InProcessRates(per_viewer=viewer, per_address=address)
    return RedisRates(url, per_viewer=viewer, per_address=address, counted_alone=counted_alone)


class InProcessRates:
    """Counts in the memory of one process.

    The last 60 seconds are taken to have a share of the minute before, as large as the part of it that they cover.
    """

    def __init__(self, *, per_viewer: int, per_address: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = {"viewer": per_viewer, "address": per_address}
        self._clock = clock
        self._minute = 0
        self._now, self._before = _no_counts(), _no_counts()

    async def count(self, address: str | None, viewer: str | None) -> float:
        """Count a request of this address and this viewer; how many seconds it has to wait, 0 where it may go on."""
        minute, elapsed = divmod(self._clock(), MINUTE_SECONDS)
        if minute != self._minute:
            self._before = self._now if minute == self._minute + 1 else _no_counts()
            self._now, self._minute = _no_counts(), int(minute)
        return max(self._count("address", address, elapsed), self._count("viewer", viewer, elapsed))

    async def close(self) -> None:
        """Nothing to end."""

    def _count(self, kind: str, name: str | None, elapsed: float) -> float:
        limit = self._limits[kind]
        if name is None or not limit:
            return 0.0
        before, now = self._before[kind].get(name, 0), self._now[kind].get(name, 0)
        if before * (1 - elapsed / MINUTE_SECONDS) + now + 1 <= limit:
            self._now[kind][name] = now + 1
            return 0.0
        room = limit - 1 - now
        if room >= 0:
            return MINUTE_SECONDS * (1 - room / before) - elapsed
        return MINUTE_SECONDS * (2 - (limit - 1) / now) - elapsed


def _no_counts() -> dict[str, LRUCache[str, int]]:
    """For one minute: strangers who come from ever new addresses must not fill the memory, nor set viewers free."""
    return {kind: LRUCache(MOST_COUNTS) for kind in KINDS}


class _Turn(asyncio.Lock):
    """Those who wait for one share: would each take one, all but the last were lost. Where it is refused, to all."""

    told: float | None = 0.0


class RedisRates:
    """Counts in Redis, for all processes together.

    A process asks Redis for a small share of a limit at once and spends that by itself, so that most requests cost no
    call; whoever comes before the answer waits for that share. While Redis is away each process counts for itself, to
    the same limits: a call takes `call_seconds` at most, after one that failed none is made for `pause_seconds`, and
    then one is tried while the others go on so. What was counted meanwhile is not held against anybody in Redis.
    """

    def __init__(
        self,
        url: str,
        *,
        per_viewer: int,
        per_address: int,
        prefix: str = PREFIX,
        counted_alone: Callable[[], None] = lambda: None,
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
        self._left: dict[str, TTLCache[str, int]] = {
            kind: TTLCache(MOST_COUNTS, MINUTE_SECONDS, timer=clock) for kind in KINDS
        }
        self._turns: WeakValueDictionary[tuple[str, str], _Turn] = WeakValueDictionary()
        self._alone = InProcessRates(per_viewer=per_viewer, per_address=per_address, clock=clock)
        self._counted_alone = counted_alone
        self._call_seconds = call_seconds
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._silent_until: float | None = None

    async def count(self, address: str | None, viewer: str | None) -> float:
        """Count a request of this address and this viewer; how many seconds it has to wait, 0 where it may go on."""
        waits, uncounted = 0.0, dict[str, str]()
        for kind, name in zip(KINDS, (address, viewer), strict=True):
            if name is None or self._spent(kind, name):
                continue
            told = await self._ask(kind, name)
            if told is None:
                uncounted[kind] = name
            else:
                waits = max(waits, told)
        return max(waits, await self._wait_alone(uncounted)) if uncounted else waits

    async def close(self) -> None:
        """End the connections."""
        await self._pool.disconnect()

    def _spent(self, kind: str, name: str) -> bool:
        """Whether the request was taken from what this process has left of a share."""
        left = self._left[kind].get(name, 0)
        if left:
            self._left[kind][name] = left - 1
        return left > 0 or kind not in self._limits

    async def _ask(self, kind: str, name: str) -> float | None:
        """Spend of the next share; how many seconds to wait where there is none, None where Redis does not say."""
        if self._silent_until is not None:
            if self._clock() < self._silent_until:
                return None
            self._fall_silent()
        turn = self._turns.setdefault((kind, name), _Turn())
        async with turn:
            if turn.told == 0 and not self._spent(kind, name):
                turn.told = await self._take(kind, name)
                if turn.told != 0:
                    self._turns.pop((kind, name), None)
            return turn.told

    async def _take(self, kind: str, name: str) -> float | None:
        """Take the next share; how many seconds to wait where there is none, None where Redis does not say."""
        limit = self._limits[kind]
        share, seconds = max(1, limit.amount // SHARES), 0.0
        try:
            async with asyncio.timeout(self._call_seconds):
                if not await self._limiter.hit(limit, kind, name, cost=share):
                    stats = await self._limiter.get_window_stats(limit, kind, name)
                    seconds = max(stats.reset_time - time.time(), 0.1)
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            if self._silent_until is None:
                _log.warning("rates_counted_alone", reason=type(error).__name__)
            self._fall_silent()
            return None
        if self._silent_until is not None:
            self._silent_until = None
            _log.info("rates_counted_together")
        if not seconds:
            self._left[kind][name] = share - 1
        return seconds

    async def _wait_alone(self, unpaid: Mapping[str, str]) -> float:
        self._counted_alone()
        return await self._alone.count(unpaid.get("address"), unpaid.get("viewer"))

    def _fall_silent(self) -> None:
        self._silent_until = self._clock() + self._pause_seconds
