"""How long an operation may be at work: no time passes while it waits for news, or for its client to read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from graph.errors import TIMEOUT_MESSAGE, Code, refusal


class _Deadline(NamedTuple):
    timeout: asyncio.Timeout
    seconds: float

    def rest(self) -> None:
        self.timeout.reschedule(None)

    def go_on(self) -> None:
        self.timeout.reschedule(asyncio.get_running_loop().time() + self.seconds)


_deadline: ContextVar[_Deadline | None] = ContextVar("deadline", default=None)


@asynccontextmanager
async def at_work_for(seconds: float) -> AsyncIterator[None]:
    """Break the block off when it is at work for longer without a rest; raises TimeoutError then."""
    async with asyncio.timeout(seconds) as timeout:
        token = _deadline.set(_Deadline(timeout, seconds))
        try:
            yield
        finally:
            _deadline.reset(token)


@contextmanager
def resting() -> Iterator[None]:
    """The operation of this task is not at work in the block, and has all its time again after it."""
    deadline = _deadline.get()
    if deadline is None:
        yield
        return
    deadline.rest()
    try:
        yield
    finally:
        deadline.go_on()


@asynccontextmanager
async def step() -> AsyncIterator[None]:
    """A part of the operation that may fail without the whole: it has all the time for itself; raises TIMEOUT."""
    deadline = _deadline.get()
    if deadline is None:
        yield
        return
    deadline.rest()
    try:
        async with asyncio.timeout(deadline.seconds):
            yield
    except TimeoutError:
        raise refusal(Code.TIMEOUT, TIMEOUT_MESSAGE) from None
    finally:
        deadline.go_on()
