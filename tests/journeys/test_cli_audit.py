"""`bookstall audit` on the command line: what it prints for people and programs, and how it ends."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.audit import RULES
from tests.server import Said, bookstall

NOBODY = {"BOOKSTALL_DATABASE_URL": "postgresql://someone:sesame@127.0.0.1:1/{domain}"}
SOMETHING = (
    "INSERT INTO sellers (id, owner_id, display_name, name_key, books_sold, revenue, currency, version, registered_at)"
    " VALUES ('{id}', '{name}', '{name}', '{name}', 0, 100, 'EUR', 1, 0)"
)


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """The data folder of a marketplace in which nothing has happened."""
    said = await bookstall("migrate", "--data", tmp_path / "data")
    assert said.code == 0, said
    return tmp_path / "data"


def spoil(data: Path, sellers: int) -> None:
    """So many sellers have earned something without a sale."""
    with closing(sqlite3.connect(data / "sellers.db")) as database, database:
        for number in range(sellers):
            database.execute(SOMETHING.format(id=f"{number:032x}", name=f"stall {number}"))


def contents(data: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in data.iterdir()}


async def audit(data: Path, *options: str) -> Said:
    return await bookstall("audit", "--data", data, "--grace", "0", *options)


async def test_one_line_says_that_all_is_well(data: Path) -> None:
    said = await audit(data)
    assert (said.code, said.err) == (0, "")
    [line] = said.out.splitlines()
    assert line.startswith(f"All is well: {len(RULES)} rules hold for 0 orders in ")


async def test_what_is_wrong_is_told_in_sentences_with_names_and_values(data: Path) -> None:
    spoil(data, 25)
    said = await audit(data)
    assert (said.code, said.err) == (1, "")
    lines = said.out.splitlines()
    at = lines.index(
        "sellers: not so: A seller's statistics are the sum of the sales, less what was given back of them."
        " [sellers.statistics]"
    )
    assert lines[at + 1] == (
        "  seller stall 0, id 00000000-0000-0000-0000-000000000000, books sold 0, sold nothing,"
        " revenue 1.00, brought nothing"
    )
    assert lines[at + 21] == "  and 5 more"
    assert lines[-1] == f"Broken: 2 of {len(RULES)} rules."


async def test_programs_get_one_document_of_a_stable_form(data: Path) -> None:
    said = await audit(data, "--json")
    assert (said.code, said.err) == (0, "")
    clean = json.loads(said.out)
    assert clean["clean"]
    assert clean["faults"] == []
    spoil(data, 2)
    said = await audit(data, "--json")
    assert (said.code, said.err) == (1, "")
    found = json.loads(said.out)
    names = {"clean", "began_at", "seconds", "readings", "grace_seconds", "rules", "orders", "faults"}
    assert found.keys() == clean.keys() == names
    assert not found["clean"]
    assert [fault["rule"] for fault in found["faults"]] == ["sellers.statistics", "messages.sellers"]
    for fault in found["faults"]:
        assert fault.keys() == {"rule", "domains", "sentence", "hint", "count", "rows"}
        assert fault["count"] == len(fault["rows"]) == 2
    assert found["faults"][0]["rows"][1]["seller"] == "stall 1"
    assert found["faults"][0]["domains"] == ["sellers"]


async def test_a_difference_that_stands_is_read_twice(data: Path) -> None:
    spoil(data, 1)
    said = await bookstall("audit", "--data", data, "--grace", "0.1", "--json")
    assert said.code == 1
    assert json.loads(said.out)["readings"] == 2


async def test_an_audit_changes_nothing(data: Path) -> None:
    before = contents(data)
    await audit(data)
    assert contents(data).items() >= before.items()


async def test_databases_that_are_away_are_told_in_one_line(data: Path) -> None:
    said = await bookstall("audit", "--data", data, settings=NOBODY)
    assert said.code == 1
    assert said.complaint.startswith("the database of orders does not answer: ")
    assert "sesame" not in said.err


async def test_a_folder_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    said = await bookstall("audit", "--data", tmp_path / "nothing")
    assert said.code == 1
    assert said.complaint == f"there is no data folder {tmp_path / 'nothing'}; name the server's with --data"
    assert not (tmp_path / "nothing").exists()


async def test_a_folder_that_is_no_shop_is_told_in_one_line_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    said = await bookstall("audit", "--data", tmp_path)
    assert said.code == 1
    assert said.complaint == f"{tmp_path} holds no shop; name the server's data folder with --data"
    assert contents(tmp_path).keys() == {tmp_path / "letter.txt"}


async def test_a_shop_that_lacks_a_database_is_to_be_migrated(data: Path) -> None:
    (data / "orders.db").unlink()
    said = await audit(data)
    assert (said.code, said.complaint) == (1, "the database of orders is not at this version: run `bookstall migrate`")


async def test_a_damaged_database_is_told_in_one_line(data: Path) -> None:
    (data / "catalog.db").write_bytes(b"no database" * 1000)
    assert (await audit(data)).complaint.startswith("the database of catalog ")


@pytest.mark.parametrize("options", [("--grace", "-1"), ("--grace", "soon"), ("--no-such",)])
async def test_misuse_is_told_with_exit_code_two(data: Path, options: tuple[str, ...]) -> None:
    said = await bookstall("audit", "--data", data, *options)
    assert (said.code, said.out) == (2, "")
    assert said.complaint
