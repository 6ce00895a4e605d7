"""kill -9 at every named point of a purchase, a cancellation and a refund: the next start makes everything right."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.settings import DOMAINS
from app.subscriptions import SAGA
from kernel.fail_points import NONE
from tests.builders import Shop
from tests.conftest import wait_until
from tests.faults.conftest import SETTINGS, comes_to_rest
from tests.faults.forked import ForkedServer
from tests.faults.ledger import ALWAYS, broken
from tests.faults.story import Cart, Story, filled_carts

EVENTS = (
    *("OrderCreated", "OrderPaid", "OrderUpdated", "OrderCancelled", "OrderRefunded"),
    *("StockItemChanged", "BookStockUpdated", "StockDeducted", "StockReleased"),
    *("SaleRecorded", "SaleReversed", "SellerUpdated", "BookSold"),
    *("NotificationCreated", "NotificationSent"),
)
"""What is published in the story."""
WHEN = ("before", "after")
COMMITS = tuple(f"commit.{when}:{domain}" for domain in DOMAINS for when in WHEN)
POINTS = (
    *COMMITS,
    *(f"{call}.{when}" for call in ("prepare", "charge", "refund") for when in WHEN),
    *(f"publish.{when}:{event}" for event in EVENTS for when in WHEN),
    *(f"ack.before:{row.domain}/{row.event.__name__}" for rows in SAGA for row in rows if row.event.__name__ in EVENTS),
)
"""What the story passes; in one process a delivery that returns is acknowledged by that."""
LATER = (1 / 3, 2 / 3)
"""How much of the story's commits are over: the first ones are all of the checkout."""
RECOVERIES = (
    *(("charge.before", point) for point in ("lookup.before", "lookup.after", "void.before", "void.after")),
    *(("charge.after", point) for point in ("lookup.before", "lookup.after")),
)
"""The process dies, and the next one dies as it finishes what the first had begun."""


@dataclass(frozen=True)
class Prepared:
    """A stopped shop with two full carts, and how often it reaches each point before anybody asks for anything."""

    data: Path
    carts: tuple[Cart, Cart]
    at_start: Mapping[str, int]
    in_story: Mapping[str, int]

    def plan(self, point: str, hit: int = 1) -> str:
        """How to die at the n-th time that the story passes a point."""
        return f"{point}:{self.at_start[point] + hit}"


def server_in(data: Path, plan: str = NONE) -> ForkedServer:
    return ForkedServer(data, "--no-samples", settings=SETTINGS | {"BOOKSTALL_FAIL_POINT": plan})


@pytest.fixture(scope="session")
async def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The data folder to copy; the story was played in a copy already, to see what it passes."""
    data, points = tmp_path_factory.mktemp("points") / "data", tmp_path_factory.mktemp("points") / "points"
    server = server_in(data)
    await server.start()
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        carts = await filled_carts(Shop(server, http, wait_until))
    await comes_to_rest(data)
    assert await server.stop() == 0
    server = server_in(Path(shutil.copytree(data, data.with_name("dry"))), f"record:{points}")
    await server.start()
    await comes_to_rest(server.data)
    at_start = Counter(points.read_text().splitlines())
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        await Story(Shop(server, http, wait_until)).play(*carts)
    await comes_to_rest(server.data)
    in_story = Counter(points.read_text().splitlines()) - at_start
    assert await server.stop() == 0
    return Prepared(data, carts, at_start, in_story)


async def deaths_of(data: Path, carts: tuple[Cart, Cart], *plans: str) -> int:
    """Plays the story on servers that follow a plan each, the next when one has died; how many died.

    Every server's books are right when it has died, and everything is well in the end.
    """
    server, following, deaths = server_in(data, plans[0]), [*plans[1:], NONE], 0
    await server.start()

    async def revive() -> None:
        nonlocal server, deaths
        for plan in following:
            assert await server.ended() == -signal.SIGKILL
            deaths += 1
            assert broken(data, ALWAYS) == {}
            server = server_in(data, plan)
            await server.start()
            http.base_url = server.url

    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http, asyncio.TaskGroup() as lives:
            reviving = lives.create_task(revive())
            await Story(Shop(server, http, wait_until)).play(*carts)
            await comes_to_rest(data)
            reviving.cancel()
    finally:
        # One that died at its very end was at rest already.
        deaths += await server.stop() == -signal.SIGKILL
    assert "Traceback" not in server.log()
    return deaths


def test_the_story_passes_these_points_and_no_others(prepared: Prepared) -> None:
    assert set(prepared.in_story) == set(POINTS)


@pytest.mark.parametrize("point", POINTS)
async def test_a_process_dies_at_a_point_and_the_next_one_makes_everything_right(
    prepared: Prepared, tmp_path: Path, point: str
) -> None:
    data = Path(shutil.copytree(prepared.data, tmp_path / "data"))
    assert await deaths_of(data, prepared.carts, prepared.plan(point)) == 1


@pytest.mark.parametrize("share", LATER)
@pytest.mark.parametrize("point", COMMITS)
async def test_a_process_dies_later_at_a_commit_and_the_next_one_makes_everything_right(
    prepared: Prepared, tmp_path: Path, point: str, share: float
) -> None:
    data = Path(shutil.copytree(prepared.data, tmp_path / "data"))
    plan = prepared.plan(point, round(share * prepared.in_story[point]))
    assert await deaths_of(data, prepared.carts, plan) == 1


@pytest.mark.parametrize("points", RECOVERIES, ids=" then ".join)
async def test_the_next_process_dies_too_while_it_makes_things_right(
    prepared: Prepared, tmp_path: Path, points: Sequence[str]
) -> None:
    data = Path(shutil.copytree(prepared.data, tmp_path / "data"))
    assert await deaths_of(data, prepared.carts, *points) == len(points)


@pytest.mark.long
@pytest.mark.parametrize("point", POINTS)
async def test_a_process_dies_whichever_time_it_passes_a_point(prepared: Prepared, tmp_path: Path, point: str) -> None:
    survived, hit = False, 0
    while not survived:
        hit += 1
        data = Path(shutil.copytree(prepared.data, tmp_path / str(hit)))
        survived = not await deaths_of(data, prepared.carts, prepared.plan(point, hit))
        shutil.rmtree(data)
    assert hit > max(1, prepared.in_story[point] // 2)
