"""What scripts and people get from the commands that need no running server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from graph.auth import EmbeddedIssuer, Role
from tests.server import bookstall

COMMANDS = (
    "run",
    "gateway",
    "worker",
    "migrate",
    "seed",
    "token",
    "demo",
    "doctor",
    "catalog",
    "catalog rebuild",
    "schema",
    "asyncapi",
    "audit",
    "errors",
    "dead-letters",
    "dead-letters list",
    "dead-letters show",
    "dead-letters replay",
    "dead-letters discard",
)
LETTER = "orders/0190a5d0-7c1e-7000-8000-000000000000"


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("command", COMMANDS)
async def test_every_command_has_help_with_an_example(command: str) -> None:
    said = await bookstall(*command.split(), "--help")
    assert said.code == 0
    assert said.err == ""
    assert f"Example: bookstall {command}" in said.out


async def test_the_help_of_all_names_every_command_and_a_bare_call_shows_it_and_fails() -> None:
    asked, bare = await bookstall("--help"), await bookstall()
    assert asked.code == 0
    assert {command.split()[0] for command in COMMANDS} == set(
        re.findall(r"^  ([a-z-]+)  +\w", asked.out, re.MULTILINE)
    )
    assert not re.search(r"[^\]]\.\.\.$", asked.out, re.MULTILINE), "a sentence is cut"
    assert (bare.code, bare.out) == (2, "")
    assert bare.err == asked.out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("tokken", "No such command 'tokken'.*; see `bookstall --help`"),
        ("token", "Missing option '--as'; see `bookstall token --help`"),
        ("run --prot 80", r"No such option: --prot.*; see `bookstall run --help`"),
        ("run --port eighty", "Invalid value for '--port': .* integer.*; see `bookstall run --help`"),
        ("demo --seconds 0", "Invalid value for '--seconds': .*; see `bookstall demo --help`"),
        ("dead-letters replay", ".*issing argument.*; see `bookstall dead-letters replay --help`"),
        (f"dead-letters discard {LETTER}", "Missing option '--note'; see `bookstall dead-letters discard --help`"),
    ],
)
async def test_a_mistyped_command_is_answered_by_one_line_that_names_its_help(arguments: str, complaint: str) -> None:
    said = await bookstall(*arguments.split())
    assert said.code == 2
    assert re.fullmatch(complaint, said.complaint)


@pytest.mark.parametrize("role", [None, *Role])
async def test_a_token_is_printed_alone_and_speaks_for_its_name_and_role(tmp_path: Path, role: Role | None) -> None:
    issuer = EmbeddedIssuer(tmp_path)
    said = await bookstall("token", "--as", "alice", "--data", tmp_path, *(["--role", role] if role else []))
    assert (said.code, said.err) == (0, "")
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", said.out)
    viewer = await issuer.verify(said.out.strip())
    assert viewer.subject == "alice"
    assert viewer.roles == {Role.BUYER, role or Role.BUYER}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--as", "alice", "--role", "king"), "a role is one of buyer, seller, operator"),
        (("--as", "Alice B"), "a name has 1 to 64 of the characters a-z, 0-9, dot, underscore and hyphen"),
        (("--as", ""), "a name has 1 to 64 of the characters a-z, 0-9, dot, underscore and hyphen"),
    ],
)
async def test_no_token_is_made_for_what_cannot_be_in_one(
    tmp_path: Path, options: tuple[str, ...], complaint: str
) -> None:
    EmbeddedIssuer(tmp_path)
    said = await bookstall("token", *options, "--data", tmp_path)
    assert said.code == 1
    assert said.complaint == complaint


@pytest.mark.parametrize("command", [("token", "--as", "alice"), ("demo",)])
async def test_no_key_is_made_where_no_server_has_its_data(tmp_path: Path, command: tuple[str, ...]) -> None:
    nowhere = await bookstall(*command, "--data", tmp_path / "elsewhere")
    foreign = await bookstall(*command, "--data", tmp_path)
    assert nowhere.complaint == f"there is no data folder {tmp_path / 'elsewhere'}; name the server's with --data"
    assert foreign.complaint == f"{tmp_path} has no token key; name the server's data folder with --data"
    assert names_in(tmp_path) == []


async def test_a_garbled_token_key_is_named_and_left_alone(tmp_path: Path) -> None:
    key = tmp_path / "issuer.json"
    key.write_bytes(b"\x00\xffnot a key")
    said = await bookstall("token", "--as", "alice", "--data", tmp_path)
    assert said.complaint == f"{key} holds no key; remove it to have a new one made"
    assert key.read_bytes() == b"\x00\xffnot a key"


async def test_the_committed_schema_and_event_catalogue_are_those_of_the_code() -> None:
    for command in ("schema", "asyncapi"):
        said = await bookstall(command, "--check")
        assert (said.code, said.out, said.err) == (0, "", "")


async def test_a_folder_that_holds_no_dead_letters_is_named_and_left_alone(tmp_path: Path) -> None:
    nowhere = await bookstall("dead-letters", "list", "--data", tmp_path / "elsewhere")
    foreign = await bookstall("dead-letters", "list", "--data", tmp_path)
    assert nowhere.complaint == f"there is no data folder {tmp_path / 'elsewhere'}; name the server's with --data"
    assert foreign.complaint == f"{tmp_path} holds no shop; name the server's data folder with --data"
    assert names_in(tmp_path) == []


async def test_a_migrated_folder_has_no_dead_letters_and_says_so_of_each_that_is_asked_for(tmp_path: Path) -> None:
    migrated = await bookstall("migrate", "--data", tmp_path)
    assert (migrated.code, migrated.out) == (0, "All databases are at their newest version.\n")

    listed = await bookstall("dead-letters", "list", "--data", tmp_path)
    assert (listed.code, listed.out) == (0, "There are no dead letters.\n")

    async def complaint(*arguments: str) -> str:
        return (await bookstall("dead-letters", *arguments, "--data", tmp_path)).complaint

    assert await complaint("list", "--domain", "king") == (
        "'king' is no domain: there are orders, inventory, catalog, sellers, notifications"
    )
    assert await complaint("show", "x") == "'x' names no dead letter: it is written like orders/0190a5d0-..."
    assert await complaint("show", LETTER) == f"{LETTER} is no dead letter"
    assert await complaint("replay", LETTER) == "replayed 0 of 1: the others are no dead letters"
    assert await complaint("discard", LETTER, "--note", "x") == "discarded 0 of 1: the others are no dead letters"
