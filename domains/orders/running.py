"""Commands that run to their end, whoever waits for them: who has waited too long is told what is known by then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from kernel.logging import log

T = TypeVar("T")

SoFar = asyncio.Future[Callable[[], Awaitable[T]]]
"""What finds out the answer of a command that goes on; set once there is something to tell."""

_log = log(__name__)


class Running:
    """The commands of one process."""

    def __init__(self, *, answer_seconds: float) -> None:
        """`answer_seconds`: how long a command has for its own answer, where it can tell something before its end."""
        self._answer_seconds = answer_seconds
        self._tasks: set[asyncio.Task[Any]] = set()

    async def to_its_end(self, command: Callable[[SoFar[T]], Coroutine[Any, Any, T]]) -> T:
        """The command's answer, or what it has to tell so far; it goes on also when the caller is cancelled."""
        so_far: SoFar[T] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(command(so_far))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.wait([task], timeout=self._answer_seconds)
            if not task.done():
                await asyncio.wait([task, so_far], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.add_done_callback(_report)
            raise
        if task.done():
            return task.result()
        task.add_done_callback(_report)
        return await so_far.result()()

    async def finish(self) -> None:
        """Wait for what runs, also for what nobody waits for any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)


def _report(task: asyncio.Task[Any]) -> None:
    """Log the failure of a command that nobody waits for any more."""
    if not task.cancelled() and (error := task.exception()):
        _log.error("a command failed after its caller had gone", exc_info=error)
