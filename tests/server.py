"""A real Bookstall, started as anybody starts one: a process of its own, and for a server its own data folder."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.settings import Settings
from graph.auth import EmbeddedIssuer

ROOT = Path(__file__).parent.parent
START_SECONDS = 60.0
PROGRAM = ("-m", "app")
READY = re.compile(r"(?:GraphQL|ready at|Health)\s+(?P<url>http://\S+)/(?:graphql|readyz)")
"""What `run`, a gateway and a worker say; a worker's URL answers health alone."""

Environment = dict[str, str]


@dataclass(frozen=True)
class Said:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line that a failed command says; fails where it said more or less than that."""
        assert self.code not in (0, None), self
        assert self.out == "", self
        [line] = self.err.splitlines()
        assert line.startswith("bookstall: "), line
        assert "unexpected" not in line, line
        return line.removeprefix("bookstall: ")


async def bookstall(*arguments: str | Path, settings: Environment | None = None) -> Said:
    """Runs a command to its end."""
    process = await _spawned(arguments, settings, err=asyncio.subprocess.PIPE)
    async with asyncio.timeout(START_SECONDS):
        out, err = await process.communicate()
    return Said(await process.wait(), out.decode(), err.decode())


async def _spawned(
    arguments: tuple[str | Path, ...],
    settings: Environment | None,
    *,
    err: int | IO[bytes],
    program: tuple[str, ...] = PROGRAM,
) -> asyncio.subprocess.Process:
    # What is compiled once serves every process of the tests, also where the machine is told to keep nothing.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(settings or {})}
    return await asyncio.create_subprocess_exec(
        sys.executable, *program, *arguments,
        cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=err,
    )  # fmt: skip


class Server:
    """`url` and `data` of a running server; tokens are signed with the key in its data folder."""

    program = PROGRAM
    """What Python is told to run."""

    def __init__(
        self, data: Path, *options: str, command: str = "run", settings: Mapping[str, str] | None = None
    ) -> None:
        self.data = data
        self.command = command
        self.url = ""
        self._options = options
        self.environment = dict(settings or {})
        self._process: asyncio.subprocess.Process | None = None
        self._log = data.parent / f"{data.name}.log"

    async def start(self, until: re.Pattern[str] = READY) -> None:
        """Returns when the server says that it is ready; fails with what it said when it does not become so."""
        with self._log.open("ab") as log:
            arguments = (self.command, "--data", self.data, "--port", "0", *self._options)
            self._process = await _spawned(arguments, self.environment, err=log, program=self.program)
        try:
            self.url = (await self.says(until)).groupdict().get("url", "")
        except BaseException:
            await self.kill()
            raise

    async def says(self, expected: re.Pattern[str]) -> re.Match[str]:
        """Returns when the server has said this; fails with what it said instead."""
        assert self._process is not None
        assert self._process.stdout is not None
        said = ""
        async with asyncio.timeout(START_SECONDS):
            while not (found := expected.search(said)):
                line = await self._process.stdout.readline()
                assert line, f"the server did not say {expected.pattern}: {said}\n{self.log()[-2000:]}"
                said += line.decode()
        return found

    @property
    def number(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    async def ended(self) -> int:
        """Waits for its end, whatever that comes from; the exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def kill(self) -> int:
        """kill -9: nothing is finished, nothing is closed."""
        return await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        return await self._end(signal.SIGTERM)

    async def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        return await self._end(signal.SIGINT)

    @property
    def settings(self) -> Settings:
        """What it runs on."""
        names = {name.removeprefix("BOOKSTALL_").lower(): value for name, value in self.environment.items()}
        return Settings.load(**names, data=self.data)

    def token(self, name: str, role: str = "buyer") -> str:
        """A token that speaks for somebody."""
        return EmbeddedIssuer(self.data).issue(name, role)

    def log(self) -> str:
        """What the server has logged so far, over all its starts."""
        return self._log.read_text() if self._log.exists() else ""

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal and waits for nothing."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)

    async def _end(self, number: signal.Signals) -> int:
        self.signal(number)
        assert self._process is not None
        code = await self._process.wait()
        transport = self._process._transport  # type: ignore[attr-defined]  # the pipe outlives the process otherwise
        transport.close()
        return code


@asynccontextmanager
async def running(
    data: Path, *options: str, command: str = "run", settings: Environment | None = None
) -> AsyncIterator[Server]:
    """A server for the time of the block."""
    async with _all_running(server := Server(data, *options, command=command, settings=settings)):
        yield server


@asynccontextmanager
async def running_apart(data: Path, *, workers: int, settings: Environment) -> AsyncIterator[Server]:
    """A gateway and workers as processes of their own, over databases that are migrated first, for the block."""
    said = await bookstall("migrate", "--data", data, settings=settings)
    assert said.code == 0, said
    gateway, *others = (
        Server(data, command=command, settings=settings) for command in ["gateway", *["worker"] * workers]
    )
    async with _all_running(gateway, *others):
        yield gateway


@asynccontextmanager
async def _all_running(*servers: Server) -> AsyncIterator[None]:
    async with AsyncExitStack() as started:
        for server in servers:
            await server.start()
            started.push_async_callback(server.stop)
        yield
