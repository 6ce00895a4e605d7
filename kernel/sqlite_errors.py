"""SQLite's errors as the seam's own."""

import re
import sqlite3

from kernel.database import Conflict, ConstraintViolated, DatabaseError, Full, InvalidValue, Unavailable

DRIVER_ERRORS = (sqlite3.Error, OverflowError, UnicodeEncodeError)

_PRIMARY_CODE = 0xFF
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_STORAGE = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_INTERRUPT,
}
_FAILED_CONSTRAINT = re.compile(r"^(UNIQUE|CHECK|NOT NULL|FOREIGN KEY) constraint failed(?:: (.*))?$")
_NAMED_KEY = re.compile(r'CONSTRAINT\s+"?(\w+)"?\s+(?:UNIQUE|PRIMARY KEY)\s*\(([^)]*)\)')


def is_busy(error: Exception) -> bool:
    """Another connection holds the lock."""
    return _code(error) in _BUSY


def translated(error: Exception, connection: sqlite3.Connection | None = None) -> DatabaseError:
    """The seam's error for the driver's; the connection tells the names of keys, which SQLite's messages omit."""
    if isinstance(error, OverflowError | UnicodeEncodeError):
        return InvalidValue("a value cannot be stored")
    code = _code(error)
    if code in _BUSY:
        return Conflict("the database is busy")
    if code == sqlite3.SQLITE_FULL:
        return Full("the database or its disk is full")
    if code in _STORAGE:
        return Unavailable(str(error))
    if code in {sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH}:
        return InvalidValue(str(error))
    if code == sqlite3.SQLITE_CONSTRAINT:
        return ConstraintViolated(_constraint(str(error), connection))
    return DatabaseError(str(error))


def _constraint(message: str, connection: sqlite3.Connection | None) -> str:
    found = _FAILED_CONSTRAINT.match(message)
    kind, subject = found.groups() if found else ("", message)
    if kind == "FOREIGN KEY":
        return "foreign key"
    if kind != "UNIQUE" or connection is None:
        return subject or ""
    if subject.startswith("index "):
        return subject.removeprefix("index ").strip("'")
    return _key_name(connection, subject) or subject


def _key_name(connection: sqlite3.Connection, subject: str) -> str | None:
    """The name of the key or unique index on the columns of a message such as `carts.buyer, carts.isbn`."""
    table = subject.partition(".")[0]
    columns = [part.partition(".")[2] for part in subject.split(", ")]
    definition = connection.execute(
        "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)
    ).fetchone()
    for name, listed in _NAMED_KEY.findall(definition[0] if definition else ""):
        if [column.strip().strip('"') for column in listed.split(",")] == columns:
            return name
    for index in connection.execute('SELECT name FROM pragma_index_list(?) WHERE "unique"', (table,)).fetchall():
        of_index = connection.execute("SELECT name FROM pragma_index_info(?) ORDER BY seqno", index).fetchall()
        if [column for (column,) in of_index] == columns:
            return index[0]
    return None


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
