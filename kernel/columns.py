"""Column types and expressions that mean the same on PostgreSQL and SQLite."""

import enum
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    DateTime,
    Enum,
    Integer,
    MetaData,
    Table,
    bindparam,
    literal,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ENUM_LENGTH = 32


class Instant(TypeDecorator[datetime]):
    """An aware datetime; ValueError on a naive one.

    A timestamptz on PostgreSQL, integer microseconds since 1970 on SQLite.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime: an instant needs its time zone")
        return (value - _EPOCH) // _MICROSECOND if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return _EPOCH + timedelta(microseconds=value)


Json = JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
"""A JSON value; Python's None is SQL's NULL."""

BigKey = BigInteger().with_variant(Integer(), "sqlite")
"""A generated 64-bit key: bigserial on PostgreSQL, the rowid on SQLite."""


def enum_type(members: type[enum.Enum]) -> Enum:
    """A text column that holds the values of an enumeration and gives its members back."""
    return Enum(
        members,
        native_enum=False,
        create_constraint=False,
        validate_strings=True,
        length=_ENUM_LENGTH,
        values_callable=lambda kind: [member.value for member in kind],
    )


def new_metadata() -> MetaData:
    """Metadata whose constraints have the same names in both databases, as `ConstraintViolated` reports them."""
    return MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        }
    )


def param(
    column: ColumnElement[Any] | TypeEngine[Any] | type[TypeEngine[Any]], name: str | None = None
) -> BindParameter[Any]:
    """A bind with a column's type and, unless named, its name; `param(Integer, "limit")` where there is no column."""
    if isinstance(column, ColumnElement):
        return bindparam(name or column.key, type_=column.type)
    if name is None:
        raise TypeError("a bind that is not a column's needs a name")
    return bindparam(name, type_=column)


def params(column: ColumnElement[Any], name: str) -> BindParameter[Any]:
    """A bind for `column.in_(...)` that takes a sequence; an empty one matches nothing."""
    return bindparam(name, type_=column.type, expanding=True)


def insert_row(table: Table, *, without: Collection[str] = ()) -> postgresql.Insert:
    """Insert whole rows, one typed bind per column; `without` names columns that the database fills.

    PostgreSQL's insert compiles for both databases, so `.on_conflict_do_nothing(...)` may follow.
    """
    columns: list[Column[Any]] = [column for column in table.columns if column.name not in without]
    return postgresql.insert(table).values({column.name: param(column) for column in columns}).inline()


class _Now(FunctionElement[datetime]):
    """The database's clock."""

    type = Instant()
    inherit_cache = True
    name = "now"


class _InSeconds(FunctionElement[datetime]):
    """The database's clock moved by a number of seconds."""

    type = Instant()
    inherit_cache = True
    name = "in_seconds"


def now() -> ColumnElement[datetime]:
    """The database's own time when the statement begins, on SQLite to the millisecond."""
    return _Now()


def in_seconds(seconds: int | ColumnElement[int]) -> ColumnElement[datetime]:
    """The database's own time plus whole seconds, given as a number, a typed bind or a column."""
    return _InSeconds(literal(seconds, Integer()) if isinstance(seconds, int) else seconds)


_SQLITE_NOW = "(CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000)"


@compiles(_Now)
def _now(element: _Now, compiler: SQLCompiler, **options: Any) -> str:
    return "STATEMENT_TIMESTAMP()"


@compiles(_Now, "sqlite")
def _now_on_sqlite(element: _Now, compiler: SQLCompiler, **options: Any) -> str:
    return _SQLITE_NOW


@compiles(_InSeconds)
def _in_seconds(element: _InSeconds, compiler: SQLCompiler, **options: Any) -> str:
    return f"(STATEMENT_TIMESTAMP() + {compiler.process(element.clauses, **options)} * INTERVAL '1 second')"


@compiles(_InSeconds, "sqlite")
def _in_seconds_on_sqlite(element: _InSeconds, compiler: SQLCompiler, **options: Any) -> str:
    return f"({_SQLITE_NOW} + {compiler.process(element.clauses, **options)} * 1000000)"
