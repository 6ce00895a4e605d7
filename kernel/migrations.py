"""Schema migrations: Alembic per domain, run at start, with its own versions in `domains/<name>/migrations`."""

import asyncio
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import URL, Connection, MetaData, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError

from kernel.columns import BigKey, Instant, Json
from kernel.database import DatabaseError, Unavailable

if TYPE_CHECKING:
    from alembic.config import Config

# Alembic's `op` and `context` are global: one migration at a time in a process.
_alembic = asyncio.Lock()

_DOMAINS = Path(__file__).parent.parent / "domains"
_LOCK_KEY = 7_215_531
_BUSY_SECONDS = 30
_REVISION = re.compile(r'^(revision|down_revision)\b[^=]*= *"([^"]+)"', re.MULTILINE)
_ALEMBICS_REMARKS = re.compile(r"^ *# ### .* ###\n", re.MULTILINE)

_ENV = '''"""Runs the migrations of the {name} domain on the connection that kernel.migrations hands to Alembic."""

from domains.{name}.tables import metadata
from kernel.migrations import run

run(metadata)
'''

_VERSION = '''"""${message}."""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision: str = "${up_revision}"
down_revision: str | None = ${f'"{down_revision}"' if down_revision else None}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
'''


async def migrate(url: str, name: str, *, folder: Path | None = None) -> None:
    """Bring a domain's database to its newest version; a SQLite file and its folder are made if missing.

    Safe to run at the same time from several processes. DatabaseError if the database is newer than this code,
    Unavailable if it cannot be reached.
    """
    await _in_transaction(url, partial(_upgrade, folder or _folder(name), name))


async def pending(url: str, name: str, *, folder: Path | None = None) -> bool:
    """Whether `migrate` has something to do; a few milliseconds, without Alembic."""
    parts = make_url(url)
    current = _sqlite_version(parts) if parts.drivername == "sqlite" else await _postgresql_version(url)
    return current != _newest(folder or _folder(name))


async def new_revision(name: str, message: str, *, url: str, folder: Path | None = None) -> None:
    """Write the version that takes the database at `url`, which it migrates first, to the domain's tables.

    The first one also lays out the folder.
    """
    folder = folder or _folder(name)
    _lay_out(folder, name)
    await migrate(url, name, folder=folder)
    await _in_transaction(url, partial(_write_revision, folder, message))


async def differences(url: str, name: str, metadata: MetaData) -> list[object]:
    """What a migrated database lacks of a domain's tables, or has besides them; empty when all is well."""
    found: list[object] = []

    def compare(connection: Connection) -> None:
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        found.extend(compare_metadata(context, metadata))

    await _in_transaction(url, compare)
    return found


def run(metadata: MetaData) -> None:
    """What a domain's `migrations/env.py` calls: run the versions on the connection that Alembic was given."""
    from alembic import context

    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=_rendered,
    )
    with context.begin_transaction():
        context.run_migrations()


def _rendered(kind: str, item: object, written: Any) -> str | Literal[False]:
    """How a new version writes our own types."""
    own = {"Instant()": isinstance(item, Instant), "Json": item is Json, "BigKey": item is BigKey}
    name = next((name for name, is_it in own.items() if is_it), None)
    if kind != "type" or name is None:
        return False
    written.imports.add(f"from kernel.columns import {name.removesuffix('()')}")
    return name


def _folder(name: str) -> Path:
    return _DOMAINS / name / "migrations"


def _newest(folder: Path) -> str | None:
    """The version that no other builds on."""
    versions, built_on = set(), set()
    for path in (folder / "versions").glob("*.py"):
        for kind, version in _REVISION.findall(path.read_text()):
            (versions if kind == "revision" else built_on).add(version)
    heads = versions - built_on
    if len(heads) > 1:
        raise ValueError(f"{folder}: more than one newest version: {sorted(heads)}")
    return heads.pop() if heads else None


def _sqlite_version(url: URL) -> str | None:
    from kernel.sqlite_errors import translated

    path = Path(url.database or "")
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        if "no such table" in str(error):
            return None
        raise translated(error) from None
    return found[0] if found else None


async def _postgresql_version(url: str) -> str | None:
    import asyncpg

    from kernel.postgresql_errors import DRIVER_ERRORS, translated

    try:
        connection = await asyncpg.connect(url)
    except DRIVER_ERRORS as error:
        raise translated(error) from None
    try:
        return await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return None
    finally:
        await connection.close()


async def _in_transaction(url: str, work: Callable[[Connection], None]) -> None:
    """Run work in one transaction, which no other migration shares, on an engine that lives no longer."""
    parts = make_url(url)
    async with _alembic:
        if parts.drivername == "sqlite":
            await asyncio.to_thread(_in_sqlite, parts, work)
        else:
            await _in_postgresql(url, work)


def _in_sqlite(url: URL, work: Callable[[Connection], None]) -> None:
    from kernel.sqlite_errors import translated

    path = Path(url.database or "")
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": _BUSY_SECONDS, "isolation_level": None})
    # The driver would commit before each CREATE TABLE; this way a migration is whole or not there.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with engine.begin() as connection:
            work(connection)
    except OSError as error:
        raise Unavailable(f"{path.parent}: {error.strerror}") from None
    except DBAPIError as error:
        raise translated(error.orig or error) from error
    finally:
        engine.dispose()


async def _in_postgresql(url: str, work: Callable[[Connection], None]) -> None:
    import asyncpg
    from sqlalchemy.ext.asyncio import create_async_engine

    from kernel.postgresql_errors import DRIVER_ERRORS, translated

    # The driver reads the URL, as everywhere else: SQLAlchemy knows other options, and none for certificates.
    connect = partial(asyncpg.connect, url)
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            await connection.run_sync(work)
    except DBAPIError as error:
        raise translated(_driver_error(error)) from error
    except DRIVER_ERRORS as error:
        raise translated(error) from None
    finally:
        await engine.dispose()


def _driver_error(error: DBAPIError) -> Exception:
    """SQLAlchemy wraps asyncpg's errors twice."""
    cause = error.orig.__cause__ if error.orig is not None else None
    return cause if isinstance(cause, Exception) else error


def _upgrade(folder: Path, name: str, connection: Connection) -> None:
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(_configuration(folder, connection), "head")
    except CommandError as error:
        raise DatabaseError(f"{name} is newer than this program: {error}") from None


def _lay_out(folder: Path, name: str) -> None:
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    for path, content in ((folder / "env.py", _ENV.format(name=name)), (folder / "script.py.mako", _VERSION)):
        if not path.exists():
            path.write_text(content)


def _write_revision(folder: Path, message: str, connection: Connection) -> None:
    from alembic import command

    number = len(list((folder / "versions").glob("*.py"))) + 1
    command.revision(_configuration(folder, connection), message, autogenerate=True, rev_id=f"{number:04}")
    (written,) = (folder / "versions").glob(f"{number:04}_*.py")
    written.write_text(_ALEMBICS_REMARKS.sub("", written.read_text()))


def _configuration(folder: Path, connection: Connection) -> "Config":
    from alembic.config import Config

    configuration = Config(attributes={"connection": connection}, stdout=StringIO())
    configuration.set_main_option("script_location", str(folder).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    return configuration
