"""A server of our own: a program with a folder and ports that nothing else uses, which ends when this process does."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import IO, ClassVar, Self

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
START_SECONDS = 60
STOP_SECONDS = 30
POLL_SECONDS = 0.02
FIRST_PORT, LAST_PORT = 10_000, 32_000
"""Below the ports that systems give to whoever asks for any: nobody takes a server's while it is down."""
FOREIGN_SETTINGS = ("PG", "RABBITMQ_", "ERL_")
LOG_TAIL_BYTES = 2000

# It holds the other end of a pipe: when we end, in whatever way, it reads the end of the pipe and ends the server.
_GUARD = """read -r end
kill -s KILL -- "-$1" 2>/dev/null
test -z "$2" || rm -rf -- "$2" || { sleep 1; rm -rf -- "$2"; }"""


class ServerFailed(Exception):
    """A private server's program ended with an error; the message is its own."""


class Server(ABC):
    """A server on 127.0.0.1 with a folder and a port of its own.

    Its data lie in `folder`, or else in a temporary one that `close` deletes. Start it, stop it or kill it as often as
    you like: it comes back on the same port. A context manager starts and closes it.
    """

    name: str
    _stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    _kill_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(self, folder: Path | None = None, *, account: str | None = None) -> None:
        self._given = None if folder is None else folder.resolve()
        self._account = account
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        """Start, on the data of before if there are any; return when it serves. ServerFailed if it does not come up."""
        if self.is_running():
            return
        if self._folder is None:
            self._folder = self._new_folder()
            self._prepare(self._folder)
        self._launch()

    def stop(self) -> None:
        """End it as its operator would; the data stay."""
        self._end(self._stop_signal)

    def kill(self) -> None:
        """End it in the middle of whatever it does; the data stay as they are."""
        self._end(self._kill_signal)

    def pause(self) -> None:
        """Let it hang: who is connected gets no answer any more."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after a pause."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop it, and delete its data if they lie in a temporary folder."""
        self.stop()
        if self._folder is not None and self._given is None:
            shutil.rmtree(self._folder)
        self._folder = None

    def is_running(self) -> bool:
        """Whether the server process lives."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def folder(self) -> Path:
        """Where its data lie; RuntimeError before its first start."""
        if self._folder is None:
            raise RuntimeError("the server has not been started")
        return self._folder

    @abstractmethod
    def _prepare(self, folder: Path) -> None:
        """Choose the port, and put into the folder what the first start needs."""

    @abstractmethod
    def _launch(self) -> None:
        """Call `_spawn` and `_await`."""

    def _new_folder(self) -> Path:
        folder = self._given or Path(tempfile.mkdtemp(prefix=f"bookstall-{self.name.lower()}-"))
        folder.mkdir(parents=True, exist_ok=True)
        if self._account is not None:
            shutil.chown(folder, self._account)
        return folder

    def _spawn(self, *command: object, settings: Mapping[str, object] | None = None) -> None:
        """Run the server's program in the foreground of a session of its own, with its output in the log."""
        with self._log.open("ab") as output:
            self._process = self._popen(command, output, settings or {}, start_new_session=True)
        temporary = self.folder if self._given is None else ""
        self._guard = subprocess.Popen(  # noqa: S603 - the script and its arguments are our own
            ["/bin/sh", "-c", _GUARD, "guard", str(self._process.pid), str(temporary)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def _await(self) -> None:
        """Return when the server is ready; if it ends or takes too long, raise ServerFailed with its last words."""
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self.is_running() and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
                continue
            self.kill()
            last_words = self._log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip()
            raise ServerFailed(f"{self.name} did not start: {last_words}")

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether it serves."""

    def _run(self, *command: object) -> str:
        """Run a program to its end; what it said. ServerFailed if it fails."""
        # A server that inherits a pipe keeps it open: its output goes to a file.
        with tempfile.TemporaryFile() as output:
            code = self._popen(command, output, {}).wait()
            output.seek(0)
            said = output.read().decode(errors="replace").strip()
        if code:
            raise ServerFailed(f"{Path(str(command[0])).name}: {said}")
        return said

    def _popen(
        self,
        command: tuple[object, ...],
        output: IO[bytes],
        settings: Mapping[str, object],
        *,
        start_new_session: bool = False,
    ) -> subprocess.Popen[bytes]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_SETTINGS)}
        account = self._account
        return subprocess.Popen(  # noqa: S603 - the programs and their arguments are our own
            [str(word) for word in command],
            cwd="/",
            env=inherited | {name: str(value) for name, value in settings.items()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=start_new_session,
            user=account,
            group=None if account is None else pwd.getpwnam(account).pw_gid,
            extra_groups=None if account is None else (),
        )

    def _signal(self, number: signal.Signals) -> None:
        if self.is_running() and self._process is not None:
            self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._signal(number)
            self._signal(signal.SIGCONT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self._process.wait()
            self._process = None
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None

    @property
    def _log(self) -> Path:
        return self.folder / "log"


def find_program(name: str) -> Path | None:
    """A program on the PATH or in the system's folders, which not every PATH has; None if it is nowhere."""
    found = shutil.which(name) or shutil.which(name, path=SYSTEM_PATH)
    return Path(found) if found else None


def free_ports(count: int) -> int:
    """The first of `count` neighbouring ports of 127.0.0.1 that nobody uses."""
    while True:
        first = FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT - count)
        if all(is_free(port) for port in range(first, first + count)):
            return first


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of 127.0.0.1."""
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
