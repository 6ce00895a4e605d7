"""The doctor of the embedded form: each thing that can be wrong is named with what to do, and nothing is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.devstack.__main__ import GATEWAYS, WORKERS
from app.doctor import USUAL_PROCESSES, Finding, look
from app.settings import DOMAINS, Settings
from app.wiring import migrate_all
from graph.auth import KEY_FILE


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def wrong(settings: Settings, processes: int | None = None) -> list[Finding]:
    """What is not well."""
    return [finding for finding in await look(settings, processes) if not finding.ok]


async def test_before_the_first_start_all_is_well_and_nothing_is_made(tmp_path: Path) -> None:
    found = await look(Settings.load(data=tmp_path / "data"))
    assert all(finding.ok for finding in found)
    assert [finding.what for finding in found] == [
        "processes", "time limits", "data folder", "token key",
        *(f"database {domain}" for domain in DOMAINS), "broker", "cache", "payments",
    ]  # fmt: skip
    assert names_in(tmp_path) == []


async def test_migrated_databases_are_at_this_version(tmp_path: Path) -> None:
    settings = Settings.load(data=tmp_path)
    await migrate_all(settings)
    said = {finding.what: finding.said for finding in await look(settings)}
    assert said["database orders"] == "is at this version, on SQLite"


async def test_the_embedded_form_is_one_process(tmp_path: Path) -> None:
    [finding] = await wrong(Settings.load(data=tmp_path), processes=2)
    assert finding.said.startswith("BOOKSTALL_DATABASE_URL: processes of their own need PostgreSQL")


def test_unless_it_is_told_it_counts_the_processes_of_make_stack() -> None:
    assert GATEWAYS + len(WORKERS) == USUAL_PROCESSES


async def test_a_wait_for_a_lock_has_to_end_before_its_statement(tmp_path: Path) -> None:
    [finding] = await wrong(Settings.load(data=tmp_path, lock_seconds=5, statement_seconds=5))
    assert finding.what == "time limits"
    assert "BOOKSTALL_LOCK_SECONDS (5) has to be less than BOOKSTALL_STATEMENT_SECONDS (5)" in finding.said


async def test_a_garbled_key_is_named(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_text("not a key")
    [finding] = await wrong(Settings.load(data=tmp_path))
    assert finding == Finding(
        "token key", False, f"{tmp_path / KEY_FILE} holds no key; remove it to have a new one made"
    )


@pytest.mark.parametrize(("inside", "said"), [(".", "is a file, not a folder"), ("data", "cannot be made")])
async def test_a_data_folder_that_is_or_lies_in_a_file_is_named(tmp_path: Path, inside: str, said: str) -> None:
    file = tmp_path / "file"
    file.touch()
    found = await wrong(Settings.load(data=file / inside))
    assert said in next(finding for finding in found if finding.what == "data folder").said


async def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "sellers.db").write_bytes(b"no database" * 100)
    [finding] = await wrong(Settings.load(data=tmp_path))
    assert finding.what == "database sellers"
