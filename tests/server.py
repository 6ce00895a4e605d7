"""A real Bookstall server, started as anybody starts one: a process of its own with its own data folder."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from graph.auth import EmbeddedIssuer

ROOT = Path(__file__).parent.parent
START_SECONDS = 60.0
_URL = re.compile(r"GraphQL\s+(http://\S+)/graphql")


class Server:
    """`url` and `data` of a running server; tokens are signed with the key in its data folder."""

    def __init__(self, data: Path, *options: str, settings: dict[str, str] | None = None) -> None:
        self.data = data
        self.url = ""
        self._options = options
        self._settings = settings or {}
        self._process: asyncio.subprocess.Process | None = None
        self._log = data.parent / f"{data.name}.log"

    async def start(self) -> None:
        """Returns when the server says that it is ready; fails with what it said when it does not become so."""
        command = [sys.executable, "-m", "app", "run", "--data", str(self.data), "--port", "0", *self._options]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                cwd=ROOT, env={**os.environ, **self._settings}, stdout=asyncio.subprocess.PIPE, stderr=log,
            )  # fmt: skip
        assert self._process.stdout is not None
        said = ""
        async with asyncio.timeout(START_SECONDS):
            while not (found := _URL.search(said)):
                line = await self._process.stdout.readline()
                assert line, f"the server did not start: {said}\n{self.log()[-2000:]}"
                said += line.decode()
        self.url = found[1]

    async def kill(self) -> None:
        """kill -9: nothing is finished, nothing is closed."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        return await self._end(signal.SIGTERM)

    def token(self, name: str, role: str = "buyer") -> str:
        """A token that speaks for somebody."""
        return EmbeddedIssuer(self.data).issue(name, role)

    def log(self) -> str:
        """What the server has logged so far, over all its starts."""
        return self._log.read_text() if self._log.exists() else ""

    async def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        code = await self._process.wait()
        transport = self._process._transport  # type: ignore[attr-defined]  # the pipe outlives the process otherwise
        transport.close()
        return code


@asynccontextmanager
async def running(data: Path, *options: str, settings: dict[str, str] | None = None) -> AsyncIterator[Server]:
    """A server for the time of the block."""
    server = Server(data, *options, settings=settings)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
