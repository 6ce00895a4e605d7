"""`bookstall gateway --workers N`: several gateway processes behind one port, started anew when one dies."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence

from app.process import console, start, stop_on_signals
from kernel.logging import log

RESTART_SECONDS = 1.0
"""The pause before a process that died is started anew: one that cannot start must not burn the machine."""

_log = log(__name__)


def supervise(arguments: Sequence[str], listening: socket.socket, workers: int) -> None:
    """Runs `bookstall` with these arguments `workers` times on the bound socket until SIGINT or SIGTERM."""
    start(_supervise([sys.executable, "-m", "app", *arguments], listening, workers))


async def _supervise(command: Sequence[str], listening: socket.socket, workers: int) -> None:
    stop = stop_on_signals()
    console.print(f"{workers} gateway processes start.")
    lifeline, ours = os.pipe()
    try:
        shared = (listening.fileno(), lifeline)
        await asyncio.gather(*(_keep_alive(command, shared, stop) for _ in range(workers)))
    finally:
        os.close(ours)


def inherited(text: str) -> tuple[socket.socket, int]:
    """In a process that `supervise` started: the bound socket, and what is readable once the supervisor is gone."""
    listening, lifeline = (int(part) for part in text.split(","))
    return socket.socket(fileno=listening), lifeline


async def _keep_alive(command: Sequence[str], shared: Sequence[int], stop: asyncio.Event) -> None:
    while not stop.is_set():
        # A session of its own: Ctrl-C is for the supervisor, who tells its processes.
        process = await asyncio.create_subprocess_exec(
            *command, "--inherited", ",".join(map(str, shared)), pass_fds=shared, start_new_session=True
        )
        ended, stopping = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if stop.is_set():
            if process.returncode is None:
                os.kill(process.pid, signal.SIGTERM)
            await ended
            return
        _log.error("a gateway process died and is started anew", process=process.pid, exit_code=process.returncode)
        await asyncio.sleep(RESTART_SECONDS)
