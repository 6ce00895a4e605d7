"""What every test shares: how hypothesis searches, and how to wait for something without sleeping."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import settings

# A time limit is no assertion, so there is no deadline; CI repeats the same examples every time.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

POLL_SECONDS = 0.02

Condition = Callable[[], Awaitable[Any]]


async def wait_until(condition: Condition, *, seconds: float = 20.0) -> Any:
    """Asks until the answer is true and gives it back; fails when that takes too long."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(seconds):
        while not (answer := await condition()):
            tick = loop.create_future()
            loop.call_later(POLL_SECONDS, tick.set_result, None)
            await tick
    return answer


@pytest.fixture
def eventually() -> Callable[..., Awaitable[Any]]:
    """`await eventually(condition)` asks an async condition until it is true."""
    return wait_until
