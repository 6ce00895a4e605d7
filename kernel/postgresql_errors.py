"""PostgreSQL's errors as the seam's own, without their details: those quote values."""

import socket

import asyncpg

from kernel.database import Conflict, ConstraintViolated, DatabaseError, Full, InvalidValue, Unavailable

DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    UnicodeEncodeError,
)

_CONFLICTS = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    # A migration changed a table under a prepared statement: the next try prepares it anew.
    asyncpg.InvalidCachedStatementError,
)
_CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
    TimeoutError,
)
_IN_WORDS = {
    ConnectionRefusedError: "connection refused",
    OSError: "no connection",  # asyncio's for a host with several addresses
    socket.gaierror: "no such host is known",
    TimeoutError: "no answer in time",
}
_UNAVAILABLE_CLASSES = {"53", "57", "58", "XX"}
_INVALID_VALUE_CLASS = "22"
_NAMING_CLASSES = {"28", "3D", "42"}


def translated(error: Exception) -> DatabaseError:
    """The seam's error for the driver's."""
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return ConstraintViolated(_constraint(error))
    kind = type(error).__name__
    if isinstance(error, _CONFLICTS):
        return Conflict(kind)
    if isinstance(error, UnicodeEncodeError):
        return InvalidValue(kind)
    if isinstance(error, asyncpg.DiskFullError):
        return Full("the disk of PostgreSQL is full")
    if isinstance(error, _CONNECTION_LOST):
        return Unavailable(_IN_WORDS.get(type(error), kind))
    state = getattr(error, "sqlstate", None) or ""
    if state[:2] in _UNAVAILABLE_CLASSES:
        return Unavailable(f"{kind} ({state})")
    if state[:2] == _INVALID_VALUE_CLASS:
        return InvalidValue(f"{kind} ({state})")
    # A syntax error, an unknown table or account names what the statement or the URL says, never a value.
    reason = f": {error}" if state[:2] in _NAMING_CLASSES else ""
    return DatabaseError(f"{kind} ({state}){reason}")


def _constraint(error: asyncpg.IntegrityConstraintViolationError) -> str:
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        return "foreign key"
    if isinstance(error, asyncpg.NotNullViolationError):
        return f"{_field(error, 'table_name')}.{_field(error, 'column_name')}"
    return _field(error, "constraint_name")


def _field(error: asyncpg.PostgresError, name: str) -> str:
    """A field that the driver sets without declaring it."""
    return getattr(error, name, None) or ""
