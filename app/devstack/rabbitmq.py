"""A private RabbitMQ: a node that no other knows, with an Erlang port mapper of its own."""

import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.devstack.server import SYSTEM_PATH, Server, find_program, free_ports

DEBIAN_RABBITMQ = Path("/usr/lib/rabbitmq/lib")
PORTS = 5
"""Its own, that of its node, that of the port mapper, and two for command line tools."""
READY = b"READY=1"
ANSWER_SECONDS = 1.0


def find_rabbitmq() -> Path | None:
    """The folder of RabbitMQ's own scripts; None if they or Erlang are missing.

    Debian's wrappers around them serve the system's server alone.
    """
    if find_program("erl") is None or find_program("epmd") is None:
        return None
    versions = [
        folder for folder in DEBIAN_RABBITMQ.glob("rabbitmq_server-*/sbin") if (folder / "rabbitmq-server").exists()
    ]
    if versions:
        return max(versions, key=lambda folder: [int(part) for part in folder.parent.name.partition("-")[2].split(".")])
    program = find_program("rabbitmq-server")
    return program.resolve().parent if program else None


class PortMapper(Server):
    """Erlang's port mapper (epmd), for one node alone."""

    name = "epmd"

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port

    def _prepare(self, folder: Path) -> None:
        """Its port is given."""

    def _launch(self) -> None:
        self._spawn(find_program("epmd"), "-port", self.port, "-address", "127.0.0.1")
        self._await()

    def _is_ready(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), ANSWER_SECONDS).close()
        except OSError:
            return False
        return True


class RabbitMQ(Server):
    """A RabbitMQ without plugins; its durable queues and their persistent messages survive `kill`.

    But RabbitMQ 3 writes down some seconds after a quorum queue is declared who leads it: a queue that is younger when
    the server is killed has no leader afterwards and answers nobody. `stop` and `start` first where a test cannot wait.
    """

    name = "RabbitMQ"

    def __init__(self, scripts: Path, folder: Path | None = None) -> None:
        super().__init__(folder)
        self._scripts = scripts
        self._port_mapper = PortMapper(0)
        self._news: socket.socket | None = None

    @property
    def url(self) -> str:
        """The URL of its virtual host `/`."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def close(self) -> None:
        """Stop it and its port mapper, and delete its data if they lie in a temporary folder."""
        super().close()
        self._port_mapper.close()

    def _prepare(self, folder: Path) -> None:
        self.port = free_ports(PORTS)
        self._port_mapper = PortMapper(self.port + 2)
        (folder / "enabled_plugins").write_text("[].")
        (folder / "rabbitmq.conf").touch()
        cookie = folder / ".erlang.cookie"
        if not cookie.exists():
            with open(cookie, "w", opener=lambda path, flags: os.open(path, flags, 0o400)) as file:
                file.write(secrets.token_hex(16))

    def _launch(self) -> None:
        self._port_mapper.start()
        with tempfile.TemporaryDirectory(prefix="bookstall-") as folder, _socket_of_news(folder) as self._news:
            # With this setting it tells, as it tells systemd, when it is ready: an open port is not.
            self._spawn(
                self._scripts / "rabbitmq-server", settings=self._settings | {"NOTIFY_SOCKET": f"{folder}/news"}
            )
            self._await()

    def _is_ready(self) -> bool:
        assert self._news is not None
        try:
            return READY in self._news.recv(1024)
        except BlockingIOError:
            return False

    @property
    def _settings(self) -> dict[str, object]:
        return {
            "PATH": f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}",
            "LANG": "C.UTF-8",
            "HOME": self.folder,
            "ERL_EPMD_PORT": self._port_mapper.port,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "bookstall@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": self.port,
            "RABBITMQ_DIST_PORT": self.port + 1,
            "RABBITMQ_CTL_DIST_PORT_MIN": self.port + 3,
            "RABBITMQ_CTL_DIST_PORT_MAX": self.port + 4,
            "RABBITMQ_MNESIA_BASE": self.folder / "mnesia",
            "RABBITMQ_LOG_BASE": self.folder,
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": self.folder / "pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE": self.folder / "enabled_plugins",
            "RABBITMQ_CONFIG_FILE": self.folder / "rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false",
        }


@contextmanager
def _socket_of_news(folder: str) -> Iterator[socket.socket]:
    """Where a program that systemd could have started says how it is doing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as news:
        news.bind(f"{folder}/news")
        news.setblocking(False)
        yield news
