"""What a PostgreSQL server says of itself."""

from typing import NamedTuple

import asyncpg

from kernel.postgresql_errors import DRIVER_ERRORS, translated

CONNECT_SECONDS = 5

_SETTINGS = """
    SELECT name, setting::int FROM pg_settings
    WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"""


class ServerFacts(NamedTuple):
    """Its version, and how many connections accounts like ours may have in all."""

    version: str
    major: int
    connections: int


async def server_facts(url: str) -> ServerFacts:
    """Ask the server of this database; DatabaseError where it cannot be asked."""
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
        try:
            settings = {row["name"]: row["setting"] for row in await connection.fetch(_SETTINGS)}
            major = connection.get_server_version().major
            version = await connection.fetchval("SHOW server_version")
        finally:
            await connection.close()
    except DRIVER_ERRORS as error:
        raise translated(error) from None
    most = settings.pop("max_connections")
    return ServerFacts(version.split()[0], major, most - sum(settings.values()))
