"""What a page costs deep in a long list of orders: `python -m benchmarks.pages [--orders 1000000] [--postgresql]`.

One buyer's orders are written straight into a new database. Then the first page and pages deep in the list are read in
turn, as `Viewer.orders` reads them with lines and timeline, and their medians told, with the ratio to the first page's.
Figures are good as ratios within one run on one machine.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer
from sqlalchemy import Integer, select

from app.devstack import PostgreSQL
from app.devstack.postgresql import find_postgresql
from app.devstack.stack import required
from domains.orders import OrderStatus, views
from domains.orders.tables import orders
from domains.sellers import Listing
from kernel.books import Grade
from kernel.columns import param
from kernel.database import Database, Statement, open_database
from kernel.migrations import migrate
from kernel.money import Money
from kernel.pages import PageRequest, encode_cursor
from tests.many_orders import place_orders

BUYER = "a-buyer"
RARE = 100
"""One order of so many is CANCELLED."""
DEPTHS = (0.0, 0.25, 0.5, 0.75, 0.95)

PLACE = Statement(
    select(orders.c.id)
    .where(orders.c.buyer_id == param(orders.c.buyer_id))
    .order_by(orders.c.id.desc())
    .limit(1)
    .offset(param(Integer, "skip")),
    views.IdRow,
)


async def main(count: int, rounds: int, on_postgresql: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder), on_postgresql) as database:
            started = time.perf_counter()
            await place_orders(database, BUYER, count, listings(), cancelled=lambda place: place % RARE == 0)
            print(f"{count} orders on {database.dialect}, written in {time.perf_counter() - started:.0f} s")
            cursors = [await cursor_at(database, int(count * depth)) for depth in DEPTHS]
            for status in (None, OrderStatus.CANCELLED):
                await tell(database, status, cursors, rounds)


async def tell(database: Database, status: OrderStatus | None, cursors: list[str | None], rounds: int) -> None:
    """Read pages at each depth in turn, and print what they took."""
    times: list[list[float]] = [[] for _ in cursors]
    for _ in range(rounds):
        for place, cursor in enumerate(cursors):
            started = time.perf_counter()
            await views.orders_of(database.read(), BUYER, status, PageRequest(20, cursor))
            times[place].append((time.perf_counter() - started) * 1000)
    first = statistics.median(times[0])
    print(f"{'all' if status is None else status}:")
    for depth, took in zip(DEPTHS, times, strict=True):
        median = statistics.median(took)
        print(f"  {depth:6.1%} deep  {median:6.2f} ms, {median / first:5.2f} times the first page")


async def cursor_at(database: Database, skip: int) -> str | None:
    """The cursor of the order that so many others precede."""
    row = await database.read().one(PLACE, buyer_id=BUYER, skip=skip - 1) if skip else None
    return encode_cursor(str(row.id)) if row else None


def listings() -> list[Listing]:
    """What was bought."""
    return [
        Listing(
            id=uuid4(), seller_id=uuid4(), owner_id=f"owner-{number}", isbn="9780141439518", grade=Grade.GOOD,
            price=Money(1250, "EUR"), location="Utrecht", published_quantity=1, withdrawn=False, version=1,
            published_at=datetime.now(UTC),
        )
        for number in range(50)
    ]  # fmt: skip


@asynccontextmanager
async def opened(folder: Path, on_postgresql: bool) -> AsyncIterator[Database]:
    """A new database of orders."""
    with ExitStack() as stack:
        url = f"sqlite:///{folder}/orders.db"
        if on_postgresql:
            server = stack.enter_context(PostgreSQL(required(find_postgresql, "postgresql")))
            url = server.create_database("orders")
        await migrate(url, "orders")
        database = await open_database(url, name="orders")
        yield database
        await database.close()


def run(
    orders: Annotated[int, typer.Option(help="How many orders the list has.")] = 100_000,
    rounds: Annotated[int, typer.Option(help="How often each page is read.")] = 200,
    postgresql: Annotated[
        bool, typer.Option("--postgresql", help="On a private PostgreSQL instead of SQLite.")
    ] = False,
) -> None:
    """Compares pages deep in a list with its first page."""
    asyncio.run(main(orders, rounds, postgresql))


if __name__ == "__main__":
    typer.run(run)
