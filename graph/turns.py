"""Turns at what keeps everybody else waiting: few are at it, and nobody gets more of it by asking more."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

FEW = 10
"""As many as a page asks for at once."""


class Turns:
    """Has so many holders at a time; owners take turns, and of an owner whoever came first.

    Where more than FEW of an owner wait it is whoever came last, who has the most time left: otherwise, under more than
    can be done, each would have its turn just before it is broken off.
    """

    def __init__(self, at_a_time: int = 1) -> None:
        self._free = at_a_time
        # Both are in the order in which they came.
        self._waiting: OrderedDict[Hashable, dict[asyncio.Future[None], None]] = OrderedDict()

    @asynccontextmanager
    async def of(self, owner: Hashable) -> AsyncIterator[None]:
        """Waits for a turn of this owner, and holds it for the block."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(owner)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, owner: Hashable) -> None:
        given = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, {})[given] = None
        try:
            await given
        except asyncio.CancelledError:
            if given.cancelled():
                self._leave(owner, given)
            else:  # it was given the turn at this very moment
                self._pass_on()
            raise

    def _leave(self, owner: Hashable, waiter: asyncio.Future[None]) -> None:
        """Forgets a waiter, and its owner with the last one."""
        waiters = self._waiting.get(owner, {})
        waiters.pop(waiter, None)
        if not waiters:
            self._waiting.pop(owner, None)

    def _pass_on(self) -> None:
        """Gives the turn to the next who still wants it; nobody who comes in between can have it."""
        while self._waiting:
            owner, waiters = self._waiting.popitem(last=False)
            while waiters:
                waiter = next(iter(waiters)) if len(waiters) <= FEW else next(reversed(waiters))
                del waiters[waiter]
                if not waiter.done():
                    waiter.set_result(None)
                    if waiters:
                        self._waiting[owner] = waiters
                    return
        self._free += 1
