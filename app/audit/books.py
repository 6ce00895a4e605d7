"""The books of a whole marketplace, as one SQLite connection reads them: attached files, or copies of databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from app.audit.rule import Fault, Row, Rule
from app.payments import LedgerEntry
from app.settings import DOMAINS, Settings
from app.subscriptions import SAGA
from domains.catalog.model import BookOffers

MOST_ROWS = 10_000
"""What is told of one rule; more than that is counted."""
SLACK = timedelta(seconds=60)
"""How long after a deadline whoever keeps it may take."""
RECENT = timedelta(hours=1)
"""How far back events are followed from domain to domain."""
BUSY_SECONDS = 5.0

_OWN_TABLES = """
    CREATE TABLE limits (due, placing, late, keys_kept_since, recent, cache, ledger);
    CREATE TABLE charges (order_id, verdict, amount);
    CREATE TABLE returned (refund_id, order_id, amount);
    CREATE TABLE consumers (event, domain);
    CREATE TABLE cached_offers (isbn PRIMARY KEY, version, total, sellers, min_price, max_price, offers);
    CREATE TABLE cache_problems (problem);
    CREATE INDEX charges_of ON charges (order_id);
    CREATE INDEX returned_by ON returned (refund_id);
"""


class Limits(NamedTuple):
    """What time it is for the rules: a deadline before `due` is over; events after `recent` are followed."""

    now: datetime
    due: datetime

    @classmethod
    def of(cls, now: datetime) -> Limits:
        """As the clock says."""
        return cls(now, now - SLACK)

    @classmethod
    def at_rest(cls, now: datetime) -> Limits:
        """As if all deadlines were over: nothing may be left to do."""
        return cls(now, now + timedelta(days=3650))


class Books:
    """Has the databases of the domains under their names, beside what the provider and the cache say."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        connection.create_function("dashed", 1, _dashed, deterministic=True)
        connection.create_function("money", 1, _money, deterministic=True)
        connection.create_function("moment", 1, _moment, deterministic=True)
        connection.executescript(_OWN_TABLES)
        rows = [(row.event.__name__, row.domain) for reactions in SAGA for row in reactions]
        connection.executemany("INSERT INTO consumers VALUES (?, ?)", rows)

    def set_limits(self, limits: Limits, settings: Settings) -> None:
        """What the rules need to know beside the rows."""
        values = (
            microseconds(limits.due),
            settings.placing_seconds * 1_000_000,
            settings.late_seconds * 1_000_000,
            microseconds(limits.now - timedelta(hours=settings.key_hours) + SLACK),
            first_id(limits.now - RECENT).hex,
            False,
            settings.payments == "mock",
        )
        self.connection.execute(f"INSERT INTO limits VALUES ({', '.join('?' * len(values))})", values)

    def expect_cache(self) -> None:
        """There is a cache that processes share."""
        self.connection.execute("UPDATE limits SET cache = TRUE")

    def add_ledger(self, entries: Iterable[LedgerEntry]) -> None:
        """What the payment provider has decided."""
        for entry in entries:
            amount = entry.amount and entry.amount.minor
            if entry.refund_id is None:
                row = (entry.order_id.hex, entry.verdict, amount)
                self.connection.execute("INSERT INTO charges VALUES (?, ?, ?)", row)
            elif entry.verdict == "refunded":
                row = (entry.refund_id.hex, entry.order_id.hex, amount)
                self.connection.execute("INSERT INTO returned VALUES (?, ?, ?)", row)

    def add_copies(self, offers: Iterable[tuple[BookOffers, str]]) -> None:
        """What the cache holds; offers come with their list as the catalogue's database has it."""
        for book, listed in offers:
            low, high = book.min_price and book.min_price.minor, book.max_price and book.max_price.minor
            row = (book.isbn, book.version, book.total, book.sellers, low, high, listed)
            self.connection.execute("INSERT INTO cached_offers VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def note_cache_problem(self, problem: str) -> None:
        """Why the cache could not be read."""
        self.connection.execute("INSERT INTO cache_problems VALUES (?)", (problem,))

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return self.connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]

    def faults(self, rules: Iterable[Rule]) -> list[Fault]:
        """The rules that do not hold."""
        found = (self._fault(rule) for rule in rules)
        return [fault for fault in found if fault is not None]

    def _fault(self, rule: Rule) -> Fault | None:
        cursor = self.connection.execute(rule.query)
        names = [column[0] for column in cursor.description]
        rows: list[Row] = []
        count = 0
        for values in cursor:
            count += 1
            if count <= MOST_ROWS:
                rows.append(tuple(zip(names, map(_shown, values), strict=True)))
        return Fault(rule, tuple(rows), count) if rows else None


@contextmanager
def new_books() -> Iterator[Books]:
    """Books without databases, in a temporary file of SQLite's own; attach what they are to have."""
    connection = sqlite3.connect("", isolation_level=None, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)
    try:
        yield Books(connection)
    finally:
        connection.close()


@contextmanager
def attached(folder: Path) -> Iterator[Books]:
    """The databases in a folder, read-only and each as it is at this moment; writers do not wait. sqlite3.Error."""
    with new_books() as books:
        for domain in DOMAINS:
            uri = f"{(folder / f'{domain}.db').absolute().as_uri()}?mode=ro"
            books.connection.execute(f"ATTACH ? AS {domain}", (uri,))
        books.connection.execute("BEGIN")
        for domain in DOMAINS:
            books.connection.execute(f"SELECT 1 FROM {domain}.inbox LIMIT 1").fetchall()
        yield books


def microseconds(at: datetime) -> int:
    """A time as the databases in files have it."""
    return round(at.timestamp() * 1_000_000)


def first_id(at: datetime) -> UUID:
    """The least UUIDv7 that can have been made at this time."""
    return UUID(int=max(0, int(at.timestamp() * 1000)) << 80)


def _dashed(hexadecimal: str | None) -> str | None:
    return None if hexadecimal is None else str(UUID(hex=hexadecimal))


def _money(minor: int | None) -> str | None:
    return None if minor is None else f"{minor / 100:.2f}"


def _moment(stored: int | None) -> str | None:
    if stored is None:
        return None
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=stored)).isoformat(timespec="seconds")


def _shown(value: object) -> object:
    """Ids with their dashes."""
    if isinstance(value, str) and len(value) == 32 and value.isalnum() and value == value.lower():
        try:
            return str(UUID(hex=value))
        except ValueError:
            return value
    return value
