"""Orders that were placed by the first version: their charges can be looked up, and late money goes back."""

import shutil
from dataclasses import asdict
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import BigInteger, Column, MetaData, String, Table, Uuid

from domains.orders import Captured, OrdersService, OrderStatus, PaymentStatus
from domains.orders.tables import orders, payments
from kernel.columns import Instant, in_seconds, insert_row, now
from kernel.database import Database, Statement
from kernel.ids import new_id
from kernel.migrations import migrate
from kernel.money import Money
from tests.databases import KINDS, opened
from tests.domains.orders.shop import ADDRESS, Shelves, Titles
from tests.domains.orders.till import Till

MIGRATIONS = Path(__file__).parents[3] / "domains" / "orders" / "migrations"
NEW = {"charge_reference", "next_action", "action_deadline", "cancel_until", "cancel_reason"}
FIRST = MetaData()
OLD_ORDERS = Table("orders", FIRST, *(Column(one.name, one.type) for one in orders.columns if one.name not in NEW))
OLD_PAYMENTS = Table("payments", FIRST, *(Column(one.name, one.type) for one in payments.columns))
OLD_REFUNDS = Table(
    "refunds",
    FIRST,
    Column("id", Uuid),
    Column("order_id", Uuid),
    Column("cause", String(32)),
    Column("amount", BigInteger),
    Column("asked_at", Instant),
)
TIMES = {"placed_at": now(), "charge_deadline": in_seconds(-60), "look_at": in_seconds(-1)}
PLACE = Statement(insert_row(OLD_ORDERS, without=("paid_at", "release_reason", *TIMES)).values(**TIMES))
TAKE = Statement(insert_row(OLD_PAYMENTS).values(captured_at=now()))
REFUND = Statement(insert_row(OLD_REFUNDS).values(asked_at=now()))


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/orders.db"
    return request.getfixturevalue("postgresql").create_database(f"upgraded_{new_id().hex}")


@pytest.fixture
def first_version(tmp_path: Path) -> Path:
    """The migrations of the first version."""
    folder = shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    for path in (folder / "versions").glob("*.py"):
        if not path.name.startswith("0001"):
            path.unlink()
    return folder


async def placed(database: Database, status: OrderStatus, payment_status: PaymentStatus) -> UUID:
    """An order of the first version, whose charge had begun."""
    order_id = new_id()
    await database.write(
        PLACE,
        id=order_id,
        number=f"B-{order_id.hex[-8:]}",
        buyer_id=f"buyer-{order_id}",
        buyer_email=None,
        status=status,
        payment_status=payment_status,
        version=1,
        settled=False,
        total=1250,
        currency="EUR",
        address=asdict(ADDRESS),
    )
    return order_id


async def test_what_the_first_version_left_is_finished_by_this_one(empty_url: str, first_version: Path) -> None:
    await migrate(empty_url, "orders", folder=first_version)
    async with opened(empty_url, "orders") as database:
        pending = await placed(database, OrderStatus.PENDING, PaymentStatus.PENDING)
        late = await placed(database, OrderStatus.PAYMENT_FAILED, PaymentStatus.REFUND_PENDING)
        await database.write(TAKE, order_id=late, reference=f"mock-{late}", captured=1250, refunding=1250, refunded=0)
        await database.write(REFUND, id=new_id(), order_id=late, cause="LATE_CHARGE", amount=1250)
    await migrate(empty_url, "orders")
    async with opened(empty_url, "orders") as database:
        till = Till(prefix="mock-")
        till.decided[pending] = Captured(f"mock-{pending}")
        service = OrdersService(database, Shelves(), Titles(), till, currency="EUR")
        await service.finish_stale()
        assert await service.finish_refunds() == 1
        found = await service.find_orders([pending, late])
    paid, returned = found[pending], found[late]
    assert paid.status is OrderStatus.PAID
    assert (returned.payment_status, returned.refunded) == (PaymentStatus.REFUNDED, Money(1250, "EUR"))
    assert list(till.given_back.values()) == [(f"mock-{late}", Money(1250, "EUR"))]
