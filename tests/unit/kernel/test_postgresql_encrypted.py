"""PostgreSQL over TLS, as the URL asks for it: connections of pools, of migrations and of commands alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import Integer, text

from app.devstack import PostgreSQL
from kernel.database import Statement, Unavailable, open_database
from kernel.migrations import migrate, pending
from kernel.postgresql_creation import create_missing
from kernel.postgresql_server import server_facts
from tests.encryption import certificate
from tests.unit.kernel.accounts import IdRow

pytestmark = pytest.mark.postgresql

ENCRYPTED = Statement(
    text("SELECT ssl::int AS id FROM pg_stat_ssl WHERE pid = pg_backend_pid()").columns(id=Integer), IdRow
)


async def configured(server: PostgreSQL, *statements: str) -> None:
    """Run statements as the server's owner, and have it read its settings again."""
    connection = await asyncpg.connect(server.url("postgres"))
    for statement in (*statements, "SELECT pg_reload_conf()"):
        await connection.execute(statement)
    await connection.close()


def written(pem: bytes, file: str) -> str:
    """A statement that writes a file into the server's folder that its account alone can read."""
    return f"COPY (SELECT unnest(string_to_array('{pem.decode()}', E'\\n'))) TO PROGRAM 'umask 077; cat > {file}'"


@pytest.fixture
async def certificates(postgresql: PostgreSQL, tmp_path: Path) -> AsyncIterator[Path]:
    """A folder with the certificate of the server, which speaks TLS for the test, and one of somebody else."""
    (key, own), (_, other) = certificate(), certificate()
    (tmp_path / "own.pem").write_bytes(own)
    (tmp_path / "other.pem").write_bytes(other)
    files = written(key, "server.key"), written(own, "server.crt")
    await configured(postgresql, *files, "ALTER SYSTEM SET ssl = on")
    yield tmp_path
    await configured(postgresql, "ALTER SYSTEM RESET ssl")


async def test_everything_that_connects_reads_the_servers_certificate(
    postgresql: PostgreSQL, certificates: Path
) -> None:
    url = f"{postgresql.url('encrypted')}?sslmode=verify-full&sslrootcert={certificates / 'own.pem'}"
    assert await create_missing(url)
    assert await pending(url, "sellers")
    await migrate(url, "sellers")
    assert not await pending(url, "sellers")
    assert (await server_facts(url)).connections > 0
    database = await open_database(url, name="sellers")
    try:
        assert await database.read().one(ENCRYPTED) == IdRow(1)
    finally:
        await database.close()


async def test_nothing_connects_to_a_server_with_the_certificate_of_somebody_else(
    postgresql: PostgreSQL, certificates: Path
) -> None:
    url = f"{postgresql.url('postgres')}?sslmode=verify-full&sslrootcert={certificates / 'other.pem'}"
    for connecting in (
        create_missing(url), pending(url, "sellers"), migrate(url, "sellers"), server_facts(url),
        open_database(url, name="sellers"),
    ):  # fmt: skip
        with pytest.raises(Unavailable, match="SSLCertVerificationError"):
            await connecting


async def test_nothing_connects_in_the_clear_that_is_to_be_encrypted(postgresql: PostgreSQL) -> None:
    url = f"{postgresql.url('postgres')}?sslmode=require"
    for connecting in (
        create_missing(url), pending(url, "sellers"), migrate(url, "sellers"), server_facts(url),
        open_database(url, name="sellers"),
    ):  # fmt: skip
        with pytest.raises(Unavailable, match="ConnectionError"):
            await connecting
