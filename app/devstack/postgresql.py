"""A private PostgreSQL."""

import os
import pwd
import shutil
import signal
from pathlib import Path

from app.devstack.server import Server, ServerFailed, find_program, free_ports

DEBIAN_POSTGRESQL = Path("/usr/lib/postgresql")
MOST_CONNECTIONS = 300
USER = "bookstall"


def find_postgresql() -> Path | None:
    """The folder of PostgreSQL's server binaries, the newest of several; None if the machine has none."""
    versions = [folder for folder in DEBIAN_POSTGRESQL.glob("*/bin") if (folder / "initdb").exists()]
    if versions:
        return max(versions, key=lambda folder: float(folder.parent.name))
    program = find_program("initdb")
    return program.parent if program else None


class PostgreSQL(Server):
    """A PostgreSQL whose commits survive `kill`, and the machine's end too if it is `durable`."""

    name = "PostgreSQL"
    _stop_signal = signal.SIGINT
    _kill_signal = signal.SIGQUIT
    """What `pg_ctl -m immediate` sends: every process of the server ends at once, and none is left behind."""

    def __init__(self, binaries: Path, folder: Path | None = None, *, durable: bool = False) -> None:
        super().__init__(folder, account=_server_account())
        self._binaries = binaries
        self._durable = durable

    def create_database(self, name: str, *, template: str = "template0") -> str:
        """Create a database as a copy of another that nobody is connected to; its URL."""
        self._run(self._binaries / "createdb", *self._where, "-T", template, "--strategy=wal_log", name)
        return self.url(name)

    def databases(self) -> set[str]:
        """The names of the databases that it has."""
        names = self._run(self._binaries / "psql", *self._where, "-XAtc", "SELECT datname FROM pg_database", "postgres")
        return set(names.splitlines())

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _where(self) -> tuple[object, ...]:
        return ("-h", "127.0.0.1", "-p", self.port, "-U", USER)

    def _prepare(self, folder: Path) -> None:
        self.port = free_ports(1)
        if (folder / "data").exists():
            return
        # A cluster that is there is complete, also if this process dies while it is made.
        unfinished = folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        options = ("-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        self._run(self._binaries / "initdb", "-D", unfinished, *options)
        unfinished.rename(folder / "data")

    def _launch(self) -> None:
        settings: dict[str, object] = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": MOST_CONNECTIONS,
        }
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        options = (word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
        self._spawn(self._binaries / "postgres", "-D", self._data, *options)
        self._await()

    def _is_ready(self) -> bool:
        try:
            self._run(self._binaries / "pg_isready", *self._where, "-d", "postgres")
        except ServerFailed:
            return False
        return True


def _server_account() -> str | None:
    """Who runs the server instead of root, as whom it refuses to run; None where nobody has to."""
    if os.geteuid() != 0:
        return None
    accounts = {account.pw_name for account in pwd.getpwall()}
    return "postgres" if "postgres" in accounts else "nobody"
