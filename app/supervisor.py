"""`bookstall gateway --workers N`: several gateway processes behind one port, started anew when one dies."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from app.metrics import forget_process, shared_in
from app.process import console, start, stop_on_signals
from kernel.logging import log

RESTART_SECONDS = 1.0
"""The pause before a process that died is started anew: one that cannot start must not burn the machine."""

DIED = "a gateway process died and is started anew"

_log = log(__name__)


def supervise(arguments: Sequence[str], listening: socket.socket, workers: int) -> None:
    """Runs `bookstall` with these arguments `workers` times on the bound socket until SIGINT or SIGTERM."""
    start(_supervise([sys.executable, "-m", "app", *arguments], listening, workers))


async def _supervise(command: Sequence[str], listening: socket.socket, workers: int) -> None:
    stop = stop_on_signals()
    console.print(f"{workers} gateway processes start.")
    lifeline, ours = os.pipe()
    with tempfile.TemporaryDirectory(prefix="bookstall-metrics-") as figures:
        try:
            gateway = _Gateway(command, (listening.fileno(), lifeline), Path(figures))
            await asyncio.gather(*(gateway.keep_alive(stop) for _ in range(workers)))
        finally:
            os.close(ours)


def inherited(text: str) -> tuple[socket.socket, int]:
    """In a process that `supervise` started: the bound socket, and what is readable once the supervisor is gone."""
    listening, lifeline = (int(part) for part in text.split(","))
    return socket.socket(fileno=listening), lifeline


class _Gateway:
    """Starts processes that share the open files, and a folder for their figures."""

    def __init__(self, command: Sequence[str], shared: Sequence[int], figures: Path) -> None:
        self._command = [*command, "--inherited", ",".join(map(str, shared))]
        self._shared = shared
        self._figures = figures

    async def keep_alive(self, stop: asyncio.Event) -> None:
        """One process, and another one whenever it dies, until told to stop."""
        while not stop.is_set():
            # A session of its own: Ctrl-C is for the supervisor, who tells its processes.
            process = await asyncio.create_subprocess_exec(
                *self._command, pass_fds=self._shared, start_new_session=True, env=shared_in(self._figures)
            )
            ended, stopping = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
            await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if stop.is_set():
                if process.returncode is None:
                    os.kill(process.pid, signal.SIGTERM)
                await ended
                return
            forget_process(process.pid, self._figures)
            _log.error(DIED, process=process.pid, exit_code=process.returncode)
            await asyncio.sleep(RESTART_SECONDS)
