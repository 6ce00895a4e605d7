"""Makes a PostgreSQL database that is not there yet."""

import asyncpg
from sqlalchemy import make_url

from kernel.database import DatabaseError
from kernel.postgresql_errors import DRIVER_ERRORS, translated

MAINTENANCE_DATABASE = "postgres"
"""Every server has it: who makes another database connects to this one."""
CONNECT_SECONDS = 10

_LOCK_KEY = 7_215_532


async def create_missing(url: str) -> bool:
    """Make the database of this URL unless it is there; whether it was made.

    Safe to run at the same time from several processes. Raises DatabaseError where the account may not, and
    Unavailable where the server cannot be reached.
    """
    name = make_url(url).database or ""
    try:
        await (await asyncpg.connect(url, timeout=CONNECT_SECONDS)).close()
    except asyncpg.InvalidCatalogNameError:
        return await _create(make_url(url).set(database=MAINTENANCE_DATABASE).render_as_string(False), name)
    except DRIVER_ERRORS as error:
        raise translated(error) from None
    return False


async def _create(maintenance: str, name: str) -> bool:
    try:
        connection = await asyncpg.connect(maintenance, timeout=CONNECT_SECONDS)
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", _LOCK_KEY)  # which the connection's end gives back
            if await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
                return False
            quoted = name.replace('"', '""')
            await connection.execute(f'CREATE DATABASE "{quoted}" TEMPLATE template0')
        finally:
            await connection.close()
    except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        reason = f"there is no database {name!r} and this account may not make it: make it, or grant CREATEDB"
        raise DatabaseError(f"{reason} ({error})") from None
    except DRIVER_ERRORS as error:
        raise translated(error) from None
    return True
