"""The worker: consumers, relays and sweeps of the chosen domains, as tasks of one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from kernel.logging import log
from kernel.sweep import Sweep
from messaging.transport import Transport

_log = log(__name__)


class Worker:
    """Starts the transport and the sweeps, and stops them in an order that loses nothing."""

    def __init__(self, transport: Transport, sweeps: Sequence[Sweep], *, stop_seconds: float) -> None:
        self._transport = transport
        self._sweeps = sweeps
        self._stop_seconds = stop_seconds
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Deliveries and sweeps run from here on."""
        await self._transport.start()
        self._tasks = [asyncio.create_task(sweep.run(), name=sweep.name) for sweep in self._sweeps]

    async def stop(self) -> None:
        """Lets every step that runs end, for at most the time limit; what is left stays in the database."""
        for sweep in self._sweeps:
            sweep.stop()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._stop_seconds)
            for task in late:
                _log.warning("a sweep did not end in time and is cancelled", sweep=task.get_name())
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._transport.stop()
