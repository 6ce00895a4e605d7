"""Sweeps: steps that are repeated for ever, at once while they find work and otherwise when woken or after a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from kernel.cache import CacheUnavailable
from kernel.database import Unavailable
from kernel.logging import log

_log = log(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0


class SweepWatch(Protocol):
    """Whoever is told how sweeps fare."""

    def sweep_ended(self, sweep: str, did: int) -> None:
        """A step ended, and did so much."""
        ...

    def sweep_failed(self, sweep: str) -> None:
        """A step failed."""
        ...


class Sweep:
    """Runs `step` until stopped; `step` returns how much it did and is repeated at once while that is more than 0.

    A step that raises is logged and tried again after a growing pause: whatever it works on stays in the database.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[int]],
        *,
        idle_seconds: float,
        signal: asyncio.Event | None = None,
    ) -> None:
        self.name = name
        self._step = step
        self._signal = signal or asyncio.Event()
        self._idle_seconds = idle_seconds
        self._stopped = asyncio.Event()

    async def run(self, watch: SweepWatch | None = None) -> None:
        """Returns after `stop`, when the step that runs has ended; `watch` is told of every step."""
        failures = 0
        while not self._stopped.is_set():
            self._signal.clear()
            try:
                did = await self._step()
            except Exception as error:
                failures += 1
                if watch is not None:
                    watch.sweep_failed(self.name)
                self._report(failures, error)
                await self._pause(min(FIRST_PAUSE_SECONDS * 2 ** (failures - 1), LONGEST_PAUSE_SECONDS))
            else:
                failures = 0
                if watch is not None:
                    watch.sweep_ended(self.name, did)
                if not did:
                    await self._wait(self._idle_seconds)

    def stop(self) -> None:
        """Ends the sweep after the step that runs."""
        self._stopped.set()
        self._signal.set()

    def _report(self, failures: int, error: Exception) -> None:
        fields: dict[str, Any] = {"sweep": self.name, "failures": failures}
        if isinstance(error, Unavailable | CacheUnavailable):  # no fault of the program's
            _log.warning("a sweep waits for what is away", reason=str(error) or type(error).__name__, **fields)
        else:
            _log.warning("a sweep failed and will try again", exc_info=error, **fields)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._signal.wait(), seconds)
        except TimeoutError:
            return

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopped.wait(), seconds)
        except TimeoutError:
            return
