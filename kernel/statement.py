"""Statements: Core constructs, compiled once per dialect and refused where the dialects would differ."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar, overload
from weakref import WeakSet

from sqlalchemy import DateTime, Enum, Float, Insert, Numeric
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgresql_dialect
from sqlalchemy.dialects.sqlite.pysqlite import dialect as sqlite_dialect
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import functions
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter, Cast, ClauseElement
from sqlalchemy.sql.sqltypes import NullType
from sqlalchemy.types import JSON, TypeEngine

DialectName = Literal["postgresql", "sqlite"]
Values = Mapping[str, Any]
Slot = tuple[str, int | None]
"""A bind's name and, when it is a sequence, the index of the element."""
R = TypeVar("R")

_DIALECTS: dict[DialectName, Dialect] = {"postgresql": postgresql_dialect(), "sqlite": sqlite_dialect()}
_RESERVED_NAMES = frozenset({"wake"})


class Statement(Generic[R]):
    """One Core construct and the NamedTuple that its rows become.

    `row` must name the construct's columns in their order; a statement that returns nothing has none. `postgresql` is a
    form of the same statement for that database alone. `slow` keeps a long read off the event loop on SQLite. `name` is
    for one that is no constant of its module.
    """

    _every: "WeakSet[Statement[Any]]" = WeakSet()

    @overload
    def __init__(self: "Statement[None]", core: Any, row: None = None, *, postgresql: Any = None) -> None: ...
    @overload
    def __init__(
        self, core: Any, row: type[R], *, postgresql: Any = None, slow: bool = False, name: str | None = None
    ) -> None: ...
    def __init__(
        self, core: Any, row: Any = None, *, postgresql: Any = None, slow: bool = False, name: str | None = None
    ) -> None:
        self.row: Any = row
        self.slow = slow
        self._forms = {"sqlite": core, "postgresql": core if postgresql is None else postgresql}
        self._plans: dict[DialectName, Plan] = {}
        self._module = sys._getframe(1).f_globals.get("__name__", "")
        self._name = f"{self._module}.{name}" if name else None
        Statement._every.add(self)

    @classmethod
    def every(cls) -> "list[Statement[Any]]":
        """All statements of the modules imported so far, by name."""
        return sorted(cls._every, key=lambda statement: statement.name)

    @property
    def name(self) -> str:
        """The module and the constant that hold the statement, as `domains.orders.repository.FIND_ORDER`."""
        if self._name is None:
            held = vars(sys.modules[self._module]) if self._module in sys.modules else {}
            constant = next((key for key, value in held.items() if value is self), "(unnamed)")
            if constant == "(unnamed)":
                return f"{self._module}.{constant}"
            self._name = f"{self._module}.{constant}"
        return self._name

    def plan(self, dialect: DialectName) -> "Plan":
        """The compiled form for a dialect; TypeError if the statement breaks a rule."""
        try:
            return self._plans[dialect]
        except KeyError:
            plan = self._plans[dialect] = Plan(self.name, self._forms[dialect], self.row, dialect)
            return plan

    def check(self) -> None:
        """Compile for both dialects; TypeError also where their parameters differ."""
        names = {dialect: self.plan(dialect).names for dialect in _DIALECTS}
        if names["sqlite"] != names["postgresql"]:
            raise TypeError(f"{self.name}: the dialects' forms differ in their parameters: {names}")


class Plan:
    """A statement in one dialect: its text, its binder and its row maker, through SQLAlchemy's public compile API."""

    def __init__(self, name: str, core: Any, row: type[Any] | None, dialect: DialectName) -> None:
        self.name = name
        self._dialect = _DIALECTS[dialect]
        columns = core.exported_columns if hasattr(core, "exported_columns") else {}
        if dialect == "postgresql" and isinstance(core, sqlite.Insert):
            raise TypeError(f"{name}: SQLite's insert compiles for SQLite alone: use kernel.columns.insert_row")
        if isinstance(core, Insert) and not columns:
            core = core.inline()
        self._compiled: SQLCompiler = core.compile(dialect=self._dialect)
        _refuse_traps(name, core, self._compiled, self._dialect)
        self._processors = self._bind_processors()
        binds = self._compiled.bind_names
        self._expanding = sorted(key for bind, key in binds.items() if bind.expanding)
        self._preset = {key: bind.value for bind, key in binds.items() if not bind.required}
        self._fixed = {
            key: self._processed(key, value) for key, value in self._preset.items() if key not in self._expanding
        }
        self.names = frozenset(key for bind, key in binds.items() if bind.required)
        self.sql: str = self._compiled.string
        self._slots: list[Slot] = [(key, None) for key in self._compiled.positiontup or ()]
        self._expanded: dict[tuple[int, ...], tuple[str, list[Slot]]] = {}
        self.returns_rows = bool(columns)
        self._make_row = self._row_maker(row, columns) if row is not None else None

    def render(self, values: Values) -> tuple[str, list[Any]]:
        """The text and its arguments in order; TypeError if the parameters are not exactly the statement's."""
        if values.keys() != self.names:
            raise TypeError(f"{self.name} takes {sorted(self.names)}, was given {sorted(values)}")
        if self._expanding:
            return self._render_expanded(values)
        return self.sql, self._arguments(self._slots, values)

    def render_many(self, rows: Sequence[Values]) -> tuple[str, list[list[Any]]]:
        """The text and the arguments of each row."""
        if self._expanding or self.returns_rows:
            raise TypeError(f"{self.name}: a statement run for many rows takes no sequences and returns no rows")
        return self.sql, [self.render(values)[1] for values in rows]

    def rows(self, records: Sequence[Sequence[Any]]) -> list[Any]:
        """The driver's records as the statement's rows."""
        if self._make_row is None:
            raise TypeError(f"{self.name} has no row class: use run()")
        return [self._make_row(record) for record in records]

    def _bind_processors(self) -> dict[str, Callable[[Any], Any]]:
        processors = {}
        for bind, key in self._compiled.bind_names.items():
            processor = bind.type.dialect_impl(self._dialect).bind_processor(self._dialect)
            if processor is not None:
                processors[key] = processor
        return processors

    def _processed(self, key: str, value: Any) -> Any:
        processor = self._processors.get(key)
        return processor(value) if processor else value

    def _arguments(self, slots: Sequence[Slot], values: Values) -> list[Any]:
        fixed, processors = self._fixed, self._processors
        arguments = []
        for key, index in slots:
            if key in fixed:
                arguments.append(fixed[key])
                continue
            value = values[key] if index is None else values[key][index]
            processor = processors.get(key)
            arguments.append(processor(value) if processor else value)
        return arguments

    def _render_expanded(self, values: Values) -> tuple[str, list[Any]]:
        """Sequences are written out once per combination of lengths."""
        given: dict[str, Any] = {**self._preset, **values}
        lengths = tuple(len(given[key]) for key in self._expanding)
        known = self._expanded.get(lengths)
        if known is None:
            state = self._compiled.construct_expanded_state(given)
            origins = {
                written: (key, index)
                for key, many in state.parameter_expansion.items()
                for index, written in enumerate(many)
            }
            slots: list[Slot] = [origins.get(key, (key, None)) for key in state.positiontup or ()]
            known = self._expanded[lengths] = state.statement, slots
        return known[0], self._arguments(known[1], given)

    def _row_maker(self, row: type[Any], columns: Any) -> Callable[[Sequence[Any]], Any]:
        fields: tuple[str, ...] = row._fields
        if list(fields) != list(columns.keys()):
            raise TypeError(
                f"{self.name}: {row.__name__} has {list(fields)}, the statement gives {list(columns.keys())}"
            )
        processors = [
            column.type.dialect_impl(self._dialect).result_processor(self._dialect, None) for column in columns
        ]
        steps = [(index, processor) for index, processor in enumerate(processors) if processor]
        make = row._make
        if not steps:
            return make

        def made(record: Sequence[Any]) -> Any:
            values = list(record)
            for index, processor in steps:
                values[index] = processor(values[index])
            return make(values)

        return made


def _refuse_traps(name: str, core: Any, compiled: SQLCompiler, dialect: Dialect) -> None:
    """TypeError for what would run in one database, or in neither, other than it reads."""
    if compiled.insert_prefetch or compiled.update_prefetch:
        raise TypeError(f"{name}: a Column's default or onupdate is never run here: bind the value")
    kinds: dict[str, type[Any]] = {}
    for bind, key in compiled.bind_names.items():
        if bind.required and key in _RESERVED_NAMES:
            raise TypeError(f"{name}: the bind name {key!r} is reserved")
        _refuse_type(f"{name}: bind {bind.key!r}", bind.type)
        kind = type(bind.type.dialect_impl(dialect))
        if kinds.setdefault(key, kind) is not kind:
            raise TypeError(f"{name}: bind {key!r} is used with two types")
    for column in getattr(core, "exported_columns", ()):
        _refuse_type(f"{name}: column {column.key!r}", column.type)
    for element in _outside_casts(core):
        if isinstance(element, functions.sum):
            raise TypeError(f"{name}: PostgreSQL's sum of integers is a decimal: cast(func.sum(...), BigInteger)")
        if isinstance(element, functions.FunctionElement) and getattr(element, "name", "") == "avg":
            raise TypeError(f"{name}: avg differs between the databases: divide sum by count in Python")


def _refuse_type(what: str, kind: TypeEngine[Any]) -> None:
    if isinstance(kind, NullType):
        raise TypeError(f"{what} has no type: give type_, or use kernel.columns.param")
    if isinstance(kind, Numeric | Float):
        raise TypeError(f"{what} is not exact in both databases: keep integers")
    if isinstance(kind, DateTime):
        raise TypeError(f"{what} loses its time zone on SQLite: use kernel.columns.Instant")
    if isinstance(kind, Enum) and kind.native_enum:
        raise TypeError(f"{what} is a native enumeration: use kernel.columns.enum_type")
    if isinstance(kind, JSON) and not kind.none_as_null:
        raise TypeError(f"{what} would store None as JSON's null: use kernel.columns.Json")


def _outside_casts(element: ClauseElement) -> Iterator[ClauseElement]:
    """Every part of a construct that is not under a CAST; a bind has no parts."""
    if isinstance(element, Cast | BindParameter):
        return
    yield element
    for child in element.get_children():
        if isinstance(child, ClauseElement):
            yield from _outside_casts(child)
