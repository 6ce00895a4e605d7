"""A small schema with every column type, and its statements: what the tests of the database run on."""

from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    cast,
    func,
    select,
    update,
)

from kernel.columns import BigKey, Instant, Json, enum_type, in_seconds, insert_row, new_metadata, now, param, params
from kernel.database import Database, Statement

metadata = new_metadata()


class Kind(StrEnum):
    CURRENT = "current"
    SAVINGS = "savings"


accounts = Table(
    "accounts",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("owner", String(20), nullable=False),
    Column("branch", Integer, nullable=False, server_default="1"),
    Column("number", Integer),
    Column("balance", Integer, nullable=False),
    CheckConstraint("balance >= 0", name="balance"),
    UniqueConstraint("branch", "number"),
)
Index("one_rich_owner", accounts.c.owner, unique=True, sqlite_where=accounts.c.balance > 999_999,
      postgresql_where=accounts.c.balance > 999_999)  # fmt: skip

postings = Table(
    "postings",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("note", LargeBinary, nullable=False),
)

samples = Table(
    "samples",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", Instant),
    Column("details", Json),
    Column("kind", enum_type(Kind)),
    Column("proof", LargeBinary),
    Column("active", Boolean),
    Column("amount", BigInteger),
)


class AccountRow(NamedTuple):
    id: int
    owner: str
    balance: int


class BalanceRow(NamedTuple):
    balance: int


class IdRow(NamedTuple):
    id: int


class TotalRow(NamedTuple):
    total: int
    accounts: int


class SampleRow(NamedTuple):
    id: UUID
    at: datetime | None
    details: Any
    kind: Kind | None
    proof: bytes | None
    active: bool | None
    amount: int | None


class MomentRow(NamedTuple):
    present: datetime
    later: datetime
    is_past: bool
    is_future: bool


ACCOUNT = select(accounts.c.id, accounts.c.owner, accounts.c.balance)

ADD = Statement(insert_row(accounts, without=("branch", "number")))
ADD_WHOLE = Statement(insert_row(accounts))
ADD_ONCE = Statement(
    insert_row(accounts, without=("branch", "number"))
    .on_conflict_do_nothing(index_elements=["id"])
    .returning(accounts.c.id),
    IdRow,
)
FIND = Statement(ACCOUNT.where(accounts.c.id == param(accounts.c.id)), AccountRow)
FIND_LOCKED = Statement(ACCOUNT.where(accounts.c.id == param(accounts.c.id)).with_for_update(), AccountRow)
FIND_MANY = Statement(
    ACCOUNT.where(
        accounts.c.id.in_(params(accounts.c.id, "ids")), accounts.c.owner.not_in(params(accounts.c.owner, "but"))
    )
    .order_by(accounts.c.id)
    .limit(param(Integer, "limit")),
    AccountRow,
)
FIND_ALL = Statement(ACCOUNT.order_by(accounts.c.id), AccountRow)
TOTAL = Statement(
    select(
        cast(func.coalesce(func.sum(accounts.c.balance), 0), BigInteger).label("total"),
        func.count().label("accounts"),
    ),
    TotalRow,
)
SET_BALANCE = Statement(
    update(accounts).where(accounts.c.id == param(accounts.c.id)).values(balance=param(accounts.c.balance))
)
DEPOSIT = Statement(
    update(accounts)
    .where(accounts.c.id == param(accounts.c.id))
    .values(balance=accounts.c.balance + param(Integer, "amount"))
    .returning(accounts.c.balance),
    BalanceRow,
)
_CHOSEN = select(accounts.c.id).where(accounts.c.balance < param(accounts.c.balance, "below")).cte("chosen")
EMPTY_POOR = Statement(update(accounts).where(accounts.c.id.in_(select(_CHOSEN.c.id))).values(balance=0))

ADD_POSTING = Statement(insert_row(postings, without=("id",)))
ADD_POSTING_RETURNING = Statement(insert_row(postings, without=("id",)).returning(postings.c.id), IdRow)

ADD_SAMPLE = Statement(insert_row(samples))
FIND_SAMPLE = Statement(select(samples).where(samples.c.id == param(samples.c.id)), SampleRow)
FIND_WITHOUT_DETAILS = Statement(select(samples).where(samples.c.details.is_(None)), SampleRow)
EXTEND = Statement(
    update(samples)
    .where(samples.c.id == param(samples.c.id), samples.c.at > now())
    .values(at=in_seconds(param(Integer, "seconds")))
)
MOMENT = Statement(
    select(
        now().label("present"),
        in_seconds(param(Integer, "seconds")).label("later"),
        (now() > in_seconds(-60)).label("is_past"),
        (now() < in_seconds(60)).label("is_future"),
    ),
    MomentRow,
)


class Trouble(Exception):
    """What a test raises to undo."""


def account(number: int, owner: str = "ada", balance: int = 0) -> dict[str, Any]:
    """The parameters of ADD."""
    return {"id": number, "owner": owner, "balance": balance}


async def ids(database: Database) -> list[int]:
    """The accounts that have been committed."""
    return [row.id for row in await database.read().all(FIND_ALL)]
