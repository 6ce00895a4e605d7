"""Scripts of this folder, run by Node as it comes with the tools of the project."""

from __future__ import annotations

import asyncio
import json
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from scripts.node_packages import NODE, are_installed

HERE = Path(__file__).parent
PATIENCE_SECONDS = 60.0


async def run_node(script: str, *arguments: str) -> str:
    """What a script prints; fails where it does."""
    process = await _started(script, arguments)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
    assert process.returncode == 0, (out.decode(), err.decode())
    return out.decode()


class Page:
    """A script that runs on and on; `said` holds its steps."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.said: list[tuple[str, Any]] = []

    async def says(self, step: str, fits: Callable[[Any], bool] = lambda _: True) -> Any:
        """The next step of this name that fits; fails where the script ends before."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while line := await self._process.stdout.readline():
                said = json.loads(line)
                self.said.append((said["step"], said["seen"]))
                if said["step"] == step and fits(said["seen"]):
                    return said["seen"]
        assert self._process.stderr is not None
        raise AssertionError((self.said, (await self._process.stderr.read()).decode()))

    def signal(self, number: signal.Signals) -> None:
        """Stop it, or let it go on."""
        self._process.send_signal(number)

    def heard(self, step: str) -> list[Any]:
        """What was said so far under this name."""
        return [seen for name, seen in self.said if name == step]


@asynccontextmanager
async def page(script: str, *arguments: str) -> AsyncIterator[Page]:
    """A script that is ended after the block."""
    process = await _started(script, arguments)
    try:
        yield Page(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _started(script: str, arguments: tuple[str, ...]) -> Process:
    assert are_installed(), "type .venv/bin/python -m scripts.node_packages"
    return await asyncio.create_subprocess_exec(NODE, HERE / script, *arguments, stdout=PIPE, stderr=PIPE)
