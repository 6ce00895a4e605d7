"""The product's audit, as the fault tests ask it: of the files of one folder, and of servers, at rest."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from app.audit import ALWAYS, RULES, Rule
from app.audit.books import Limits, attached
from app.audit.reading import complete, opened
from app.audit.rule import Row
from app.settings import Settings
from kernel.clock import utc_now

__all__ = ["ALWAYS", "AT_REST", "broken", "broken_at_rest", "count"]

AT_REST = RULES
"""What holds once everything has come to rest, beside what always does."""

Broken = dict[str, tuple[Row, ...]]
"""The sentences that do not hold, each with what breaks it."""


def broken(data: Path, rules: Iterable[Rule]) -> Broken:
    """What does not hold in a data folder, whose server may just have been killed, as if all deadlines were over."""
    with attached(data) as books:
        complete(books, Settings.load(data=data), Limits.at_rest(utc_now()))
        return {fault.rule.sentence: fault.rows for fault in books.faults(rules)}


async def broken_at_rest(settings: Settings) -> Broken:
    """What does not hold on the servers of a marketplace, as if all deadlines were over."""
    async with opened(settings, Limits.at_rest) as books:
        return {fault.rule.sentence: fault.rows for fault in books.faults(AT_REST)}


def count(data: Path, domain: str, what: str) -> int:
    """How many rows there are of `table WHERE condition`."""
    with closing(sqlite3.connect(f"file:{data / domain}.db?mode=ro", uri=True)) as database:
        return database.execute(f"SELECT COUNT(*) FROM {what}").fetchone()[0]
