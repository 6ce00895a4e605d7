"""kill -9 of a gateway and of a worker at every named point that each passes: whoever comes next makes it right."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from app.wiring import open_shop
from kernel.fail_points import NONE
from tests.builders import Shop
from tests.faults.full_stack import Marketplace
from tests.faults.story import Story, filled_carts
from tests.server import Server

pytestmark = [pytest.mark.postgresql, pytest.mark.rabbitmq, pytest.mark.redis]

SOME = {
    "gateway": ("charge.after",),
    "worker": ("ack.before:inventory/OrderPaid", "ack.after:orders/SaleReversed", "refund.after"),
}
"""What is played each time; the campaign plays all."""


def recorded(record: Path) -> Counter[str]:
    """How often each point was passed."""
    return Counter(record.read_text().splitlines())


class Victim:
    """The gateway or the one worker of a marketplace, for which others can be exchanged."""

    def __init__(self, marketplace: Marketplace, stalls: Shop, command: str) -> None:
        self._marketplace = marketplace
        self._stalls = stalls
        self._command = command

    @property
    def process(self) -> Server:
        """It as it is now."""
        return self._marketplace.gateway if self._command == "gateway" else self._marketplace.workers[0]

    async def starts_anew(self, plan: str = NONE) -> None:
        """In place of a process that ended, another one that follows a plan."""
        settings = self._marketplace.environment | {"BOOKSTALL_FAIL_POINT": plan}
        process = Server(self._marketplace.data, command=self._command, settings=settings)
        if self._command == "gateway":
            self._marketplace.gateway = process
        else:
            self._marketplace.workers[:] = [process]
        await process.start()
        self._stalls.http.base_url = self._marketplace.gateway.url

    async def passes(self, record: Path) -> Mapping[str, int]:
        """The points that it passes in the story, each with how often it had passed it when that began."""
        await self.process.stop()
        await self.starts_anew(f"record:{record}")
        carts = await filled_carts(self._stalls)
        await self._marketplace.comes_to_rest()
        at_start = recorded(record)
        await Story(self._stalls).play(*carts)
        await self._marketplace.comes_to_rest()
        return {point: at_start[point] for point in recorded(record) - at_start}

    async def dies_at(self, point: str, hit: int) -> None:
        """The story is played, and it dies in it; in the end everything is well."""
        carts = await filled_carts(self._stalls)
        await self.process.stop()
        await self.starts_anew(f"{point}:{hit}")
        async with asyncio.TaskGroup() as lives:
            lives.create_task(self._is_revived())
            await Story(self._stalls).play(*carts)
        await self._marketplace.comes_to_rest()

    async def _is_revived(self) -> None:
        assert await self.process.ended() == -signal.SIGKILL
        async with open_shop(self._marketplace.settings, live=False) as shop:
            await shop.reclaim()  # as when the leases of the dead have run out
        await self.starts_anew()


@pytest.mark.parametrize(
    ("command", "chosen"), [*SOME.items(), *(pytest.param(name, (), marks=pytest.mark.long) for name in SOME)]
)
async def test_a_process_dies_at_each_point_that_it_passes_and_its_successor_makes_everything_right(
    marketplace: Marketplace, stalls: Shop, tmp_path: Path, command: str, chosen: Sequence[str]
) -> None:
    await marketplace.workers.pop().stop()
    victim = Victim(marketplace, stalls, command)
    passed = await victim.passes(tmp_path / "points")
    assert passed.keys() >= set(SOME[command])
    for point in chosen or passed:
        try:
            await victim.dies_at(point, passed[point] + 1)
        except BaseException as error:
            error.add_note(f"the {command} died at {point}")
            raise
