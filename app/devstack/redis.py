"""A private Redis, a cache: it keeps nothing when it ends."""

import socket
from pathlib import Path

from app.devstack.server import Server, find_program, free_ports

ANSWER_SECONDS = 1.0


def find_redis() -> Path | None:
    """The Redis server's program; None if the machine has none."""
    return find_program("redis-server")


class Redis(Server):
    """A Redis that starts empty each time."""

    name = "Redis"

    def __init__(self, program: Path, folder: Path | None = None) -> None:
        super().__init__(folder)
        self._program = program

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def _prepare(self, folder: Path) -> None:
        self.port = free_ports(1)

    def _launch(self) -> None:
        settings = {"bind": "127.0.0.1", "port": self.port, "dir": self.folder, "save": "", "appendonly": "no"}
        self._spawn(self._program, *(word for name, value in settings.items() for word in (f"--{name}", value)))
        self._await()

    def _is_ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), ANSWER_SECONDS) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16) == b"+PONG\r\n"
        except OSError:
            return False
