"""A server that is forked from a process which has loaded everything: it starts in a tenth of the time."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from app.cli import main
from tests.conftest import wait_until
from tests.server import READY, START_SECONDS, Server

_forks = get_context("forkserver")
_forks.set_forkserver_preload(["app.serve", __name__])


class ForkedServer(Server):
    """`bookstall run` of the same program with the same arguments and environment, which only Python loaded before."""

    _fork: ForkServerProcess

    async def start(self, until: re.Pattern[str] = READY) -> None:
        self._said = self.data.parent / f"{self.data.name}.out"
        self._said.write_text("")
        arguments = [self.command, "--data", str(self.data), "--port", "0", *self._options]
        self._fork = _forks.Process(
            target=_become, args=(arguments, self.environment, self._said, self._log), daemon=True
        )
        self._fork.start()
        self.url = (await self.says(until)).groupdict().get("url", "")

    async def says(self, expected: re.Pattern[str]) -> re.Match[str]:
        async def said() -> re.Match[str] | None:
            assert self._fork.is_alive(), f"the server died: {self._said.read_text()}\n{self.log()[-2000:]}"
            return expected.search(self._said.read_text())

        return await wait_until(said, seconds=START_SECONDS)

    async def ended(self) -> int:
        await asyncio.to_thread(self._fork.join)
        assert self._fork.exitcode is not None
        return self._fork.exitcode

    def signal(self, number: signal.Signals) -> None:
        if self._fork.is_alive():
            assert self._fork.pid is not None
            os.kill(self._fork.pid, number)

    async def _end(self, number: signal.Signals) -> int:
        self.signal(number)
        return await self.ended()


def _become(arguments: Sequence[str], settings: dict[str, str], out: Path, log: Path) -> None:
    """What the forked process does: it goes on as the console script."""
    for path, stream in ((out, sys.stdout), (log, sys.stderr)):
        with path.open("ab") as file:
            os.dup2(file.fileno(), stream.fileno())
    os.environ.update(settings)
    sys.argv = ["bookstall", *arguments]
    main()
