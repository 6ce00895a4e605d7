"""What keeps a server from starting or a demo from playing is one clear line and an exit code, and harms nothing."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from app.settings import InvalidSetting, Settings
from app.wiring import migrate_all
from tests.server import Server, bookstall


@pytest.fixture(scope="session")
async def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with empty databases."""
    folder = tmp_path_factory.mktemp("migrated") / "data"
    await migrate_all(Settings(data=folder))
    return folder


@pytest.fixture
def data(migrated: Path, tmp_path: Path) -> Path:
    """A migrated data folder of the test's own."""
    return Path(shutil.copytree(migrated, tmp_path / "data"))


async def complaint_of_run(folder: Path, *options: str) -> str:
    return (await bookstall("run", "--no-samples", "--port", "0", "--data", folder, *options)).complaint


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


# --- addresses ---------------------------------------------------------------------------------------------------


async def test_a_port_that_is_taken_is_named_and_no_data_folder_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = await bookstall("run", "--port", str(port), "--data", tmp_path / "data")
    assert said.complaint == (
        f"127.0.0.1:{port} cannot be listened on: Address already in use; choose another port (--port)"
    )
    assert not (tmp_path / "data").exists()


async def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    assert await complaint_of_run(tmp_path / "data", "--host", "192.0.2.1") == (
        "192.0.2.1:0 cannot be listened on: Cannot assign requested address; choose an address of this machine (--host)"
    )


# --- data folders ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "where", "reason"),
    [
        ("run --port 0", "file", "is a file, not a folder"),
        ("migrate", "file/below", "cannot be written: Not a directory"),
    ],
)
async def test_a_data_folder_that_cannot_be_made_is_refused_also_for_root(
    tmp_path: Path, command: str, where: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    said = await bookstall(*command.split(), "--data", tmp_path / where)
    assert said.complaint == f"the data folder {tmp_path / where} {reason}"


async def test_a_data_folder_that_a_server_uses_is_refused_to_another_one(embedded_server: Server) -> None:
    lock = (embedded_server.data / "lock").read_text()
    for command in ("run", "migrate"):
        said = await bookstall(command, "--data", embedded_server.data, *(["--port", "0"] if command == "run" else []))
        assert said.complaint == (
            f"the data folder {embedded_server.data} belongs to another running server (process {lock.strip()})"
        )
    assert (embedded_server.data / "lock").read_text() == lock


async def test_a_garbled_token_key_keeps_the_server_from_starting(data: Path) -> None:
    (data / "issuer.json").write_text("{}")
    assert await complaint_of_run(data) == f"{data}/issuer.json holds no key; remove it to have a new one made"


@pytest.mark.parametrize(
    ("command", "damage"),
    [("run --port 0", "random"), ("run --port 0", "cut off"), ("migrate", "text"), ("dead-letters list", "random")],
)
async def test_a_damaged_database_is_named_and_left_as_it_is(data: Path, command: str, damage: str) -> None:
    path = data / "catalog.db"
    whole = path.read_bytes()
    damaged = {"random": os.urandom(20_000), "text": b"a text\n" * 1000, "cut off": whole[:40_000]}[damage]
    path.write_bytes(damaged)
    said = await bookstall(*command.split(), "--data", data)
    assert said.complaint.startswith("the database of catalog cannot be ")
    assert path.read_bytes() == damaged


async def test_a_database_of_a_newer_version_is_refused(data: Path) -> None:
    with closing(sqlite3.connect(data / "sellers.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    assert "sellers is newer than this program" in await complaint_of_run(data)


async def test_a_first_start_that_was_refused_leaves_nothing_that_keeps_the_next_one_from_starting(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "issuer.json").write_text("broken")
    assert "holds no key" in await complaint_of_run(folder)
    (folder / "issuer.json").unlink()
    server = Server(folder, "--no-samples")
    await server.start()
    assert await server.stop() == 0


async def test_a_data_folder_may_have_any_name_and_a_terminal_few_characters(tmp_path: Path) -> None:
    folder = tmp_path / "100%41 odd? #1 [b]ünï"
    said = await bookstall("migrate", "--data", folder, settings={"PYTHONIOENCODING": "ascii"})
    assert said.code == 0, said
    assert {"orders.db", "sellers.db", "lock"} <= set(names_in(folder))
    assert names_in(tmp_path) == [folder.name]
    server = Server(folder, "--no-samples")
    await server.start(until=re.compile(rf"its data are in {re.escape(str(folder))}\n"))
    assert shlex.quote(str(folder)) in (await server.says(re.compile("demo .*"))).string
    assert await server.stop() == 0
    refused = await bookstall("run", "--data", folder / "lock", settings={"PYTHONIOENCODING": "ascii"})
    assert refused.complaint.startswith("the data folder ")
    assert "?" in refused.complaint


async def test_a_data_folder_may_be_below_the_home_folder(tmp_path: Path) -> None:
    said = await bookstall("migrate", "--data", "~/shop", settings={"HOME": str(tmp_path)})
    assert said.code == 0, said
    assert names_in(tmp_path) == ["shop"]


# --- settings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("data", "", "needs a name"),
        ("host", "", "it is empty"),
        ("port", "eighty", "'eighty' is no whole number"),
        ("port", "", "'' is no whole number"),
        ("port", "70000", "70000 is too large: 65535 at most"),
        ("port", "-1", "-1 is too small: 0 at least"),
        ("database_url", "mysql://db/{domain}", "begins with postgresql://"),
        ("database_url", "postgresql://db/one", "every domain has a database of its own"),
        ("transport_url", "kafka://broker", "begins with amqp://"),
        ("transport_url", "inprocesses", "`inprocess` or begins with amqp:// or amqps://"),
        ("cache_url", "memcached://cache", "begins with redis://"),
        ("cache_url", "redis://:a[b@cache/0", "cannot be read"),
        ("pool_size", "0", "0 is too small: 1 at least"),
        ("currency", "JPY", "'JPY' is no currency with two digits"),
        ("currency", "eur", "'eur' is no currency"),
        ("currency", "QQQ", "'QQQ' is no currency"),
        ("answer_seconds", "10", "less than BOOKSTALL_QUERY_SECONDS (10): a slow checkout would end in TIMEOUT"),
        ("session_hosts", "", "no name or address such as"),
        ("session_hosts", "https://shop.example", "no name or address such as"),
        ("session_hosts", "shop.example,-", "no name or address such as"),
        ("session_hosts", "shop.example:65536", "no name or address such as"),
        ("session_hosts", "2001:db8::1", "[2001:db8::1]"),
        ("metrics_token", "", "at least 16 characters"),
        ("metrics_token", "fifteen-letters", "at least 16 characters"),
        ("metrics_token", "sixteen letters and spaces", "no spaces"),
        ("metrics_token", "sixteen-letters-and-\u00fcmlauts", "all of them ASCII"),
        ("mail_sender", "nobody", "a sender with an address"),
        ("mail_sender", "", "a sender with an address"),
        ("mail_sender", "a@b.example\nBcc: c@d.example", "no line breaks"),
        ("sample_books", "0", "0 is too small: 1 at least"),
        ("sample_books", "9.5", "'9.5' is no whole number"),
        ("sample_buyer", "Not A Name", "'Not A Name' is no name such as alice"),
        ("log_level", "loud", "'loud' is not 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("log_format", "xml", "json"),
        ("stop_seconds", "0", "0 is too small: it has to be more than 0"),
        ("stop_seconds", "soon", "'soon' is no number"),
        ("stop_seconds", "nan", "'nan' is no number"),
        ("production", "perhaps", "'perhaps' is neither true nor false"),
        ("fail_point", "", "none, record:PATH, NAME or NAME:n"),
    ],
)
def test_a_broken_setting_is_named_with_what_it_should_be(name: str, value: str, reason: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        Settings.load(**{name: value})
    assert str(refused.value).startswith(f"BOOKSTALL_{name.upper()}: ")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("answer_seconds", "9.9"),
        ("session_hosts", "shop.example, 192.0.2.1:8000,[2001:db8::1]:8000 ,desk"),
        ("metrics_token", "sixteen~letters!"),
    ],
)
def test_a_sound_setting_is_taken(name: str, value: str) -> None:
    assert name in Settings.load(**{name: value}).model_fields_set


async def test_a_broken_setting_of_the_environment_or_of_an_option_stops_every_command(tmp_path: Path) -> None:
    for command in (["run"], ["migrate"], ["token", "--as", "alice"], ["demo"], ["dead-letters", "list"]):
        said = await bookstall(*command, "--data", tmp_path, settings={"BOOKSTALL_CURRENCY": "JPY"})
        assert said.complaint == "BOOKSTALL_CURRENCY: 'JPY' is no currency with two digits after the point"
    assert (await complaint_of_run(tmp_path, "--port", "70000")).startswith("BOOKSTALL_PORT: ")
    assert names_in(tmp_path) == []


# --- demos -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://", "http://127.0.0.1:99999", "http://[::1"])
async def test_a_demo_is_not_played_at_what_is_no_address(keyed: Path, url: str) -> None:
    said = await bookstall("demo", "--url", url, "--data", keyed)
    assert said.complaint == f"'{url}' is no address of a server: it is written like http://127.0.0.1:8000"


async def test_a_demo_against_nothing_says_that_nobody_answers(keyed: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    said = await bookstall("demo", "--url", url, "--data", keyed)
    assert said.complaint == f"no Bookstall server answers at {url}: Connection refused"


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[str]:
    """Where somebody listens who is no Bookstall: gives this answer to everything, or none."""
    waiting = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        if answer is None:
            await waiting.wait()
        else:
            writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        waiting.set()


async def test_a_demo_against_another_kind_of_server_says_so(keyed: Path) -> None:
    async with answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as url:
        said = await bookstall("demo", "--url", url, "--data", keyed)
    assert said.complaint == (f"no Bookstall server answers at {url}: server rejected WebSocket connection: HTTP 404")


async def test_a_demo_against_a_silent_server_gives_up_after_its_time_limit(keyed: Path) -> None:
    async with answering(None) as url:
        said = await bookstall("demo", "--url", url, "--data", keyed, "--seconds", "1")
    assert said.complaint == f"the server at {url} did not answer within 1 s"


async def test_a_demo_with_the_key_of_another_server_says_that_the_folder_is_the_wrong_one(
    embedded_server: Server, keyed: Path
) -> None:
    said = await bookstall("demo", "--url", embedded_server.url, "--data", keyed)
    assert said.complaint == (
        f"the server at {embedded_server.url} closed the connection: "
        "it does not know the key of the token: name its data folder with --data, or one of its tokens with --token"
    )


async def test_a_demo_against_a_shop_without_books_says_that_there_are_none(data: Path) -> None:
    server = Server(data, "--no-samples")
    await server.start()
    said = await bookstall("demo", "--url", server.url, "--data", data)
    assert await server.stop() == 0
    assert said.code == 1
    assert said.err == "bookstall: no book can be bought: is the sample shop loaded?\n"


async def test_a_demo_against_a_running_shop_plays_a_purchase_with_the_milliseconds_of_each_step(
    embedded_server: Server,
) -> None:
    said = await bookstall("demo", "--url", embedded_server.url, "--data", embedded_server.data)
    assert (said.code, said.err) == (0, "")
    steps = [line.split(" ms  ") for line in said.out.splitlines() if " ms  " in line]
    assert all(milliseconds.strip().removeprefix("at").strip().isdecimal() for milliseconds, _ in steps)
    told = "\n".join(what for _, what in steps)
    for step in ("search: ", "watch the stock: ", "add to the cart: ", "check out: order B-", "settled: after "):
        assert step in told
    for entry in ("OrderPaid (orders)", "StockDeducted (inventory)", "SaleRecorded (sellers)"):
        assert entry in told
    assert "is paid”" in told
    assert told.splitlines()[-1].endswith("after")
