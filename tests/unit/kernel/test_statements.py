"""Statements: compiled for both databases, and refused where those would differ."""

from typing import Any, NamedTuple

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Enum,
    Float,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    bindparam,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects import sqlite

from kernel.columns import param, params
from kernel.database import Statement
from tests.unit.kernel.accounts import ADD, ADD_ONCE, DEPOSIT, FIND, FIND_MANY, AccountRow, BalanceRow, Kind, accounts

lazy = Table(
    "lazy",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("size", Integer, default=1),
    Column("touched", Integer, onupdate=2),
    Column("at", DateTime(timezone=True)),
    Column("weight", Float),
    Column("note", JSON),
)


class Numbers(NamedTuple):
    value: int


TRAPS: list[tuple[Any, str]] = [
    (insert(lazy).values(id=param(lazy.c.id)), "default or onupdate is never run"),
    (update(lazy).values(size=param(lazy.c.size)), "default or onupdate is never run"),
    (select(bindparam("loose")), "bind 'loose' has no type"),
    (select(func.mystery().label("riddle")), "column 'riddle' has no type"),
    (select(accounts.c.id).where(accounts.c.id == param(Numeric(), "price")), "bind 'price' is not exact"),
    (select(lazy.c.weight), "column 'weight' is not exact"),
    (select(lazy.c.at), "column 'at' loses its time zone"),
    (select(param(DateTime(timezone=True), "since")), "bind 'since' loses its time zone"),
    (select(param(Enum(Kind), "kind")), "bind 'kind' is a native enumeration"),
    (select(lazy.c.note), "column 'note' would store None as JSON's null"),
    (select(func.sum(accounts.c.balance).label("total")), "sum of integers is a decimal"),
    (select(accounts.c.id).group_by(accounts.c.id).having(func.sum(accounts.c.balance) > 1), "sum of integers"),
    (select(func.avg(accounts.c.balance, type_=Integer).label("mean")), "avg differs"),
    (
        select(accounts.c.id).where(accounts.c.owner == param(String, "x"), accounts.c.id == param(Integer, "x")),
        "two types",
    ),
    (
        update(accounts).values(balance=select(func.sum(accounts.c.balance)).scalar_subquery()),
        "sum of integers is a decimal",
    ),
    (update(accounts).values(balance=param(accounts.c.balance, "wake")), "the bind name 'wake' is reserved"),
]


@pytest.mark.parametrize(("core", "reason"), TRAPS, ids=[reason for _, reason in TRAPS])
def test_what_would_run_differently_is_refused(core: Any, reason: str) -> None:
    statement = Statement(core)
    with pytest.raises(TypeError, match=reason):
        statement.check()


def test_an_upsert_in_sqlites_own_words_does_not_compile_for_both() -> None:
    own = Statement(sqlite.insert(accounts).values(id=1, owner="a", balance=0).on_conflict_do_nothing())
    assert "ON CONFLICT" in own.plan("sqlite").sql
    with pytest.raises(TypeError, match="compiles for SQLite alone"):
        own.check()


def test_an_upsert_in_postgresqls_words_compiles_for_both() -> None:
    ADD_ONCE.check()
    assert "ON CONFLICT (id) DO NOTHING" in ADD_ONCE.plan("sqlite").sql
    assert "ON CONFLICT (id) DO NOTHING" in ADD_ONCE.plan("postgresql").sql


def test_a_row_class_must_name_the_columns_in_their_order() -> None:
    swapped = Statement(select(accounts.c.owner, accounts.c.id, accounts.c.balance), AccountRow)
    with pytest.raises(TypeError, match=r"AccountRow has \['id', 'owner', 'balance'\]"):
        swapped.check()


def test_the_forms_of_a_statement_must_take_the_same_parameters() -> None:
    statement = Statement(
        select(accounts.c.balance).where(accounts.c.id == param(accounts.c.id)),
        BalanceRow,
        postgresql=select(accounts.c.balance).where(accounts.c.id == param(accounts.c.id, "account")),
    )
    with pytest.raises(TypeError, match="differ in their parameters"):
        statement.check()


def test_a_form_of_its_own_is_used_on_postgresql_alone() -> None:
    statement = Statement(
        select(literal(1, Integer).label("value")),
        Numbers,
        postgresql=text("SELECT 2 AS value").columns(Column("value", Integer)),
    )
    assert statement.plan("postgresql").sql == "SELECT 2 AS value"
    assert "AS value" in statement.plan("sqlite").sql


def test_a_statement_is_compiled_once_for_each_database() -> None:
    assert FIND.plan("sqlite") is FIND.plan("sqlite")
    assert FIND.plan("sqlite") is not FIND.plan("postgresql")


@pytest.mark.parametrize("given", [{}, {"id": 1, "owner": "a"}, {"owner": "a"}])
def test_parameters_must_be_exactly_those_of_the_statement(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"FIND takes \['id'\], was given"):
        FIND.plan("sqlite").render(given)


def test_a_sequence_is_written_out_for_its_length_and_the_rest_stays_in_order() -> None:
    plan = FIND_MANY.plan("postgresql")
    text_of_two, two = plan.render({"ids": [7, 8], "but": ["x"], "limit": 5})
    text_of_three, three = plan.render({"ids": [7, 8, 9], "but": ["x"], "limit": 5})
    assert sorted(map(str, two)) == ["5", "7", "8", "x"]
    assert sorted(map(str, three)) == ["5", "7", "8", "9", "x"]
    assert text_of_two.count("BIGINT") == 2
    assert text_of_three.count("BIGINT") == 3


def test_a_statement_for_many_rows_takes_no_sequence_and_returns_nothing() -> None:
    for statement in (FIND_MANY, DEPOSIT):
        with pytest.raises(TypeError, match="takes no sequences and returns no rows"):
            statement.plan("sqlite").render_many([])


def test_a_statement_without_a_row_class_gives_no_rows() -> None:
    with pytest.raises(TypeError, match="has no row class"):
        ADD.plan("sqlite").rows([(1,)])


def test_a_statement_is_known_by_its_module_and_constant() -> None:
    assert FIND.name == "tests.unit.kernel.accounts.FIND"
    assert FIND in Statement.every()


def test_a_record_that_is_longer_than_the_row_is_refused() -> None:
    with pytest.raises(TypeError, match="Expected 3 arguments"):
        FIND.plan("sqlite").rows([(1, "a", 2, "surplus")])


def test_values_that_the_statement_fixes_are_bound_in_their_place() -> None:
    statement = Statement(
        select(accounts.c.id).where(
            accounts.c.balance > 10, accounts.c.id == param(accounts.c.id), literal(True, Boolean)
        )
    )
    assert statement.plan("postgresql").render({"id": 7})[1][:2] == [10, 7]


def test_a_bind_of_no_column_needs_a_name() -> None:
    with pytest.raises(TypeError, match="needs a name"):
        param(Integer)


def test_the_bind_of_a_column_has_its_name_and_type() -> None:
    assert param(accounts.c.owner).key == "owner"
    assert param(accounts.c.owner, "other").type is accounts.c.owner.type
    assert params(accounts.c.id, "ids").expanding
