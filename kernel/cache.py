"""A cache of copies: versioned values that an older one never overwrites, and counters that outdate whole groups."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from cachetools import TTLCache

LARGEST_BYTES = 64 * 1024 * 1024
LIFE_SECONDS = 600
ENTRY_BYTES = 200
"""What an entry takes besides its value, about."""


class CacheUnavailable(Exception):
    """The cache cannot be reached: read from the source, and write again later."""


class Cache(Protocol):
    """Keeps copies of what a database holds, and may forget any at any time. Any method may raise CacheUnavailable."""

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values in the order of their keys, None for each that is not kept."""
        ...

    async def set_if_newer(self, key: str, version: int, value: bytes) -> bool:
        """Keep a value unless one of this version or a newer one is kept already; whether it was kept."""
        ...

    async def generation(self, name: str) -> int:
        """The current generation of a group of keys that carry it in their names; read it before the source."""
        ...

    async def bump(self, name: str) -> int:
        """Begin a group's next generation, so that no key of an older one is asked for again."""
        ...

    async def incarnation(self) -> str:
        """Names what the cache remembers: under another name than before, it may have forgotten or gone back in time.

        Then an older value can have taken the place of a newer one, and every copy is to be made again.
        """
        ...


class InProcessCache:
    """The cache of one process: bounded in bytes and in time; what was not used for longest goes first."""

    def __init__(
        self,
        *,
        largest_bytes: int = LARGEST_BYTES,
        life_seconds: float = LIFE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._values: TTLCache[str, tuple[int, bytes]] = TTLCache(
            largest_bytes, life_seconds, timer=clock, getsizeof=_bytes_of
        )
        self._generations: Counter[str] = Counter()

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values in the order of their keys, None for each that is not kept."""
        return [entry[1] if (entry := self._values.get(key)) else None for key in keys]

    async def set_if_newer(self, key: str, version: int, value: bytes) -> bool:
        """Keep a value unless one as new is kept already, or it is larger than the whole cache; whether it was kept."""
        kept, entry = self._values.get(key), (version, value)
        if (kept is not None and kept[0] >= version) or _bytes_of(entry) > self._values.maxsize:
            return False
        self._values[key] = entry
        return True

    async def generation(self, name: str) -> int:
        """The number of times that the group was bumped."""
        return self._generations[name]

    async def bump(self, name: str) -> int:
        """Begin a group's next generation."""
        self._generations[name] += 1
        return self._generations[name]

    async def incarnation(self) -> str:
        """Always the same: with what the process remembers end all who could still bring an older value."""
        return "process"


def _bytes_of(entry: tuple[int, bytes]) -> int:
    return len(entry[1]) + ENTRY_BYTES
