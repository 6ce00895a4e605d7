"""Migrations: from nothing to the newest version, once, whole, and on both databases."""

import asyncio
import sys
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, text

from kernel.database import DatabaseError, Statement, Unavailable
from kernel.migrations import differences, migrate, new_revision, pending
from tests.unit.kernel.accounts import ADD, FIND_ALL, IdRow, metadata
from tests.unit.kernel.conftest import Opener

ROOT = Path(__file__).parents[3]
ENV = "from kernel.migrations import run\nfrom tests.unit.kernel.accounts import metadata\n\nrun(metadata)\n"
SECOND = """
from alembic import op

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    op.execute("CREATE TABLE extra (id INTEGER)")
    op.execute("{last}")
"""
COUNT_EXTRA = Statement(text("SELECT count(*) AS id FROM extra").columns(Column("id", Integer)), IdRow)


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Migrations whose first version makes the tables of `accounts`."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "env.py").write_text(ENV)
    await new_revision("accounts", "Create the accounts", url=f"sqlite:///{tmp_path}/scratch.db", folder=folder)
    return folder


def add_second(folder: Path, last: str = "INSERT INTO extra VALUES (1)") -> None:
    (folder / "versions" / "0002_more.py").write_text(SECOND.format(last=last))


async def test_an_empty_database_gets_every_table(empty_url: str, folder: Path, opened: Opener) -> None:
    assert await pending(empty_url, "accounts", folder=folder)
    await migrate(empty_url, "accounts", folder=folder)
    assert not await pending(empty_url, "accounts", folder=folder)
    assert await differences(empty_url, "accounts", metadata) == []
    database = await opened(empty_url)
    await database.write(ADD, id=1, owner="ada", balance=0)


async def test_a_migrated_database_keeps_its_rows(empty_url: str, folder: Path, opened: Opener) -> None:
    await migrate(empty_url, "accounts", folder=folder)
    database = await opened(empty_url)
    await database.write(ADD, id=1, owner="ada", balance=0)
    add_second(folder)
    assert await pending(empty_url, "accounts", folder=folder)
    await migrate(empty_url, "accounts", folder=folder)
    await migrate(empty_url, "accounts", folder=folder)
    assert not await pending(empty_url, "accounts", folder=folder)
    assert len(await database.read().all(FIND_ALL)) == 1
    assert await database.read().one(COUNT_EXTRA) == IdRow(1)


async def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str, folder: Path, opened: Opener) -> None:
    await migrate(empty_url, "accounts", folder=folder)
    add_second(folder, last="INSERT INTO nowhere VALUES (1)")
    with pytest.raises(DatabaseError, match="nowhere"):
        await migrate(empty_url, "accounts", folder=folder)
    assert await pending(empty_url, "accounts", folder=folder)
    database = await opened(empty_url)
    with pytest.raises(DatabaseError, match="extra"):
        await database.read().one(COUNT_EXTRA)


async def test_domains_are_migrated_side_by_side(tmp_path: Path, folder: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{number}.db" for number in range(5)]
    await asyncio.gather(*(migrate(url, "accounts", folder=folder) for url in urls))
    assert [await differences(url, "accounts", metadata) for url in urls] == [[]] * 5


async def test_processes_that_migrate_at_once_do_it_once(empty_url: str, folder: Path, opened: Opener) -> None:
    add_second(folder)
    await asyncio.gather(*(migrate_in_a_process(empty_url, folder) for _ in range(2)))
    database = await opened(empty_url)
    assert await database.read().one(COUNT_EXTRA) == IdRow(1)


async def migrate_in_a_process(url: str, folder: Path) -> None:
    code = (
        "import asyncio, pathlib, sys; from kernel.migrations import migrate;"
        "asyncio.run(migrate(sys.argv[1], 'accounts', folder=pathlib.Path(sys.argv[2])))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, url, str(folder), cwd=ROOT)
    assert await process.wait() == 0


async def test_a_database_from_the_future_is_refused(empty_url: str, folder: Path) -> None:
    add_second(folder)
    await migrate(empty_url, "accounts", folder=folder)
    for path in (folder / "versions").glob("0002*"):
        path.unlink()
    assert await pending(empty_url, "accounts", folder=folder)
    with pytest.raises(DatabaseError, match=r"accounts is newer than this program: Can't locate .* '0002'"):
        await migrate(empty_url, "accounts", folder=folder)


async def test_what_the_tables_have_besides_the_migrations_is_found(empty_url: str, folder: Path) -> None:
    (folder / "versions" / "0001_create_the_accounts.py").write_text(
        'revision = "0001"\ndown_revision = None\n\n\ndef upgrade() -> None:\n    """Forget the tables."""\n'
    )
    await migrate(empty_url, "accounts", folder=folder)
    assert len(await differences(empty_url, "accounts", metadata)) >= 3


async def test_two_newest_versions_are_refused(tmp_path: Path, folder: Path) -> None:
    add_second(folder)
    (folder / "versions" / "0003_fork.py").write_text(SECOND.replace('"0002"', '"0003"'))
    with pytest.raises(ValueError, match="more than one newest version"):
        await pending(f"sqlite:///{tmp_path}/accounts.db", "accounts", folder=folder)


async def test_a_place_that_cannot_hold_a_database_is_unavailable(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="file"):
        await migrate(f"sqlite:///{tmp_path}/file/accounts.db", "accounts", folder=folder)


async def test_a_server_that_is_not_there_is_unavailable_for_migrations(folder: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    with pytest.raises(Unavailable):
        await pending(url, "accounts", folder=folder)
    with pytest.raises(Unavailable):
        await migrate(url, "accounts", folder=folder)


async def test_the_next_version_is_written_from_what_is_missing(tmp_path: Path, folder: Path) -> None:
    written = sorted(path.name for path in (folder / "versions").glob("*.py"))
    assert written == ["0001_create_the_accounts.py"]
    await new_revision("accounts", "Change nothing", url=f"sqlite:///{tmp_path}/scratch.db", folder=folder)
    second = (folder / "versions" / "0002_change_nothing.py").read_text()
    assert 'down_revision: str | None = "0001"' in second
    assert "pass" in second
    assert "create_table" not in second


async def test_a_new_domain_gets_its_folder_laid_out(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    with pytest.raises(ModuleNotFoundError, match="unheard_of"):
        await new_revision("unheard_of", "Begin", url=f"sqlite:///{tmp_path}/scratch.db", folder=folder)
    assert "from domains.unheard_of.tables import metadata" in (folder / "env.py").read_text()
    assert (folder / "script.py.mako").exists()
