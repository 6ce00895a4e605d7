"""Private servers for tests, benchmarks and development, started from the binaries of the machine."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

_DEBIAN_POSTGRESQL = Path("/usr/lib/postgresql")
_START_SECONDS = 60
_USER = "bookstall"


class ServerFailed(Exception):
    """A private server's program ended with an error; the message is its own."""


def find_postgresql() -> Path | None:
    """The folder of PostgreSQL's server binaries, the newest of several; None if the machine has none."""
    versions = [folder for folder in _DEBIAN_POSTGRESQL.glob("*/bin") if (folder / "initdb").exists()]
    if versions:
        return max(versions, key=lambda folder: float(folder.parent.name))
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


class PostgreSQL:
    """A PostgreSQL server with a data folder and a port of its own.

    Its commits survive `kill`, and the machine's end too if it is `durable`.
    """

    def __init__(self, binaries: Path, *, durable: bool = False) -> None:
        self._binaries = binaries
        self._durable = durable
        self._account = _server_account()
        self._folder: Path | None = None
        self.port = 0

    def start(self) -> None:
        """Start, on the data of before if there is any; ServerFailed if it does not come up."""
        if self._folder is None:
            self._folder = self._new_folder()
            self._run_server_program(
                "initdb", "-D", self._data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"
            )
            self.port = _free_port()
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": self._folder, "port": self.port}
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        log = self._folder / "log"
        self._run_server_program(
            "pg_ctl", "-D", self._data, "-l", log, "-w", "-t", _START_SECONDS, "-o", options, "start"
        )

    def stop(self) -> None:
        """Stop and delete everything."""
        if self._folder is None:
            return
        if self.is_running():
            self._run_server_program("pg_ctl", "-D", self._data, "-w", "-m", "fast", "stop")
        shutil.rmtree(self._folder)
        self._folder = None

    def kill(self) -> None:
        """End it in the middle of whatever it does; `start` recovers its data."""
        self._run_server_program("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def is_running(self) -> bool:
        """Whether the server process lives."""
        return self._folder is not None and (self._data / "postmaster.pid").exists()

    def create_database(self, name: str, *, template: str = "template0") -> str:
        """Create a database as a copy of another that nobody is connected to; its URL."""
        where = ("-h", "127.0.0.1", "-p", self.port, "-U", _USER)
        self._run("createdb", *where, "-T", template, "--strategy=wal_log", name)
        return self.url(name)

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{database}"

    @property
    def _data(self) -> Path:
        if self._folder is None:
            raise RuntimeError("the server has not been started")
        return self._folder / "data"

    def _new_folder(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="bookstall-postgresql-"))
        if self._account is not None:
            shutil.chown(folder, self._account)
        return folder

    def _run_server_program(self, program: str, *arguments: object) -> None:
        """Run one of the programs that refuse to be run by root."""
        self._run(program, *arguments, account=self._account)

    def _run(self, program: str, *arguments: object, account: str | None = None) -> None:
        command = [str(self._binaries / program), *map(str, arguments)]
        identity: dict[str, Any] = {}
        if account is not None:
            identity = {"user": account, "group": pwd.getpwnam(account).pw_gid, "extra_groups": ()}
        # A server that inherits a pipe keeps it open: its output goes to a file.
        with tempfile.TemporaryFile("w+") as output:
            ended = subprocess.run(  # noqa: S603 - the programs and their arguments are our own
                command,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                **identity,
            )
            if ended.returncode:
                output.seek(0)
                raise ServerFailed(f"{program}: {output.read().strip()}")


def _server_account() -> str | None:
    """Who runs the servers instead of root; None where nobody has to."""
    if os.geteuid() != 0:
        return None
    accounts = {account.pw_name for account in pwd.getpwall()}
    return "postgres" if "postgres" in accounts else "nobody"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
