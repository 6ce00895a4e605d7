"""Fail points: nothing happens without a plan; with one a process dies there, around a commit of either kind."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from app.settings import InvalidSetting, Settings
from kernel.database import Database, Transaction
from kernel.fail_points import armed, reached
from tests.production import SOUND
from tests.unit.kernel.accounts import ADD, Trouble, account, ids

ROOT = Path(__file__).parents[3]

WALK = """
import sys
from kernel.fail_points import armed, reached
from kernel.logging import configure_logging

configure_logging()
with armed(sys.argv[1]):
    for step in range(1, 4):
        reached("charge.before")
        reached("ack.after", "orders", "StockDeducted")
        print(step, flush=True)
"""
COMMITS = """
import asyncio, sys
from kernel.database import open_database
from kernel.fail_points import armed
from kernel.logging import configure_logging
from tests.unit.kernel.accounts import ADD, account

async def main():
    configure_logging()
    plan, url, way = sys.argv[1:]
    database = await open_database(url, name="accounts")
    with armed(plan):
        if way == "write":
            await database.write(ADD, **account(1))
        else:
            await database.transact(lambda tx: tx.run(ADD, **account(1)))
    print("told")

asyncio.run(main())
"""


async def played(program: str, *arguments: str) -> tuple[int, str]:
    """The exit code of a process of its own, and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return await process.wait(), out.decode()


async def in_trouble(tx: Transaction) -> None:
    await tx.run(ADD, **account(3))
    raise Trouble


def test_nothing_happens_at_a_point_without_a_plan(tmp_path: Path) -> None:
    with armed("none"):
        reached("charge.before")
    with armed(f"record:{tmp_path / 'points'}"):
        pass
    reached("charge.before")
    assert list(tmp_path.iterdir()) == []


def test_a_record_has_a_line_for_each_time_that_a_point_is_reached(tmp_path: Path) -> None:
    points = tmp_path / "points"
    for _ in range(2):
        with armed(f"record:{points}"):
            reached("charge.before")
            reached("ack.after", "orders", "StockDeducted")
    assert points.read_text().splitlines() == ["charge.before", "ack.after:orders/StockDeducted"] * 2


@pytest.mark.parametrize(
    ("plan", "steps"),
    [
        ("charge.before", 0),
        ("charge.before:1", 0),
        ("charge.before:3", 2),
        ("ack.after:orders/StockDeducted", 0),
        ("ack.after:orders/StockDeducted:2", 1),
    ],
)
async def test_a_process_is_killed_at_the_hit_of_its_plan(plan: str, steps: int) -> None:
    code, said = await played(WALK, plan)
    assert code == -signal.SIGKILL
    assert said.split() == [str(step) for step in range(1, steps + 1)]


@pytest.mark.parametrize("plan", ["charge.before:4", "charge.after", "ack.after:orders/StockDeducted:4", "none"])
async def test_a_process_that_does_not_reach_the_hit_lives(plan: str) -> None:
    assert await played(WALK, plan) == (0, "1\n2\n3\n")


@pytest.mark.parametrize("way", ["write", "transact"])
@pytest.mark.parametrize(("plan", "kept"), [("commit.before:accounts", []), ("commit.after:accounts", [1])])
async def test_a_process_dies_before_a_commit_is_kept_or_after_it_and_tells_nobody(
    database: Database, url: str, plan: str, kept: list[int], way: str
) -> None:
    assert await played(COMMITS, plan, url, way) == (-signal.SIGKILL, "")
    assert await ids(database) == kept


async def test_every_commit_is_recorded_and_no_rollback(database: Database, tmp_path: Path) -> None:
    points = tmp_path / "points"
    with armed(f"record:{points}"):
        await database.write(ADD, **account(1))
        await database.transact(lambda tx: tx.run(ADD, **account(2)))
        with pytest.raises(Trouble):
            await database.transact(in_trouble)
    assert points.read_text().splitlines() == ["commit.before:accounts", "commit.after:accounts"] * 2


@pytest.mark.parametrize(
    "plan", ["", "record:", "charge", "charge.before:0", "charge.before:-1", "lunch.before", "commit.before:orders:2:3"]
)
def test_a_plan_that_is_not_understood_is_refused(plan: str) -> None:
    with pytest.raises(ValueError, match="record:PATH"), armed(plan):
        """Not reached."""
    with pytest.raises(InvalidSetting, match=r"BOOKSTALL_FAIL_POINT: .*record:PATH"):
        Settings.load(fail_point=plan)


@pytest.mark.parametrize("plan", ["charge.before", "commit.after:orders:3", "record:points"])
def test_production_refuses_fail_points(plan: str) -> None:
    assert Settings.load(fail_point=plan, production=False).fail_point == plan
    with pytest.raises(InvalidSetting, match="BOOKSTALL_FAIL_POINT: there is none in production"):
        Settings.load(fail_point=plan, production=True)
    assert Settings.load(fail_point="none", **SOUND).production
