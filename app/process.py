"""What every process of Bookstall does: listens, stops on a signal, and serves until then."""

from __future__ import annotations

import asyncio
import errno
import gc
import resource
import signal
import socket
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager

import uvicorn
import uvloop
from rich.console import Console
from starlette.types import ASGIApp

from app.complaint import Complaint
from app.protocols import BoundedConfig
from graph.limits import Limits

SPARE_FILES = 1000
"""Files and connections of a process besides those of its clients."""
SWITCH_SECONDS = 0.0005
"""How long the event loop may keep a thread waiting that reads or commits: it waits several times for each, and
Python's own 5 ms made that 60 ms, and sometimes 500, while the loop had much to do."""
_OTHER_HOST = "choose an address of this machine (--host)"
SIGNALS = (signal.SIGINT, signal.SIGTERM)

console = Console(highlight=False)


def start(process: Coroutine[None, None, None]) -> None:
    """Runs a process on an event loop of its own until it ends."""
    sys.setswitchinterval(SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(process)


def stop_on_signals(lifeline: int | None = None) -> asyncio.Event:
    """Set by the first signal; the second one ends the process at once, which loses nothing that is committed.

    Set too when `lifeline` becomes readable: the other end of that pipe is held by a supervisor.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def first() -> None:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
        stop.set()
        console.print("Stopping ...")

    for number in SIGNALS:
        loop.add_signal_handler(number, first)
    if lifeline is not None:
        loop.add_reader(lifeline, lambda: (loop.remove_reader(lifeline), stop.set()))
    return stop


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; raises Complaint when the address is taken or cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(1024)
    except (socket.gaierror, UnicodeError):
        bound.close()
        raise Complaint(f"{host} cannot be listened on: no such address is known; {_OTHER_HOST}") from None
    except OSError as error:
        bound.close()
        other = _OTHER_HOST if error.errno == errno.EADDRNOTAVAIL else "choose another port (--port)"
        raise Complaint(f"{host}:{port} cannot be listened on: {error.strerror or error}; {other}") from None
    bound.setblocking(False)
    return bound


def make_room(files: int) -> None:
    """Lets this process have so many files and connections open, as far as the machine allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = files if hard == resource.RLIM_INFINITY else min(files, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def url_of(listening: socket.socket) -> str:
    """Where a bound socket is reached."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve_until(
    stop: asyncio.Event,
    application: ASGIApp,
    listening: socket.socket,
    grace_seconds: float,
    limits: Limits | None = None,
) -> None:
    """Answers requests until told to stop, then lets those that run end within the grace."""
    server = _Server(
        BoundedConfig(
            application,
            limits=limits or Limits(),
            lifespan="off", log_config=None, access_log=False, server_header=False,
            timeout_graceful_shutdown=max(1, round(grace_seconds)),
        )
    )  # fmt: skip
    make_room((limits or Limits()).connections + SPARE_FILES)
    # What lives from here on lives long: young collections need not look at it again. The second generation stays
    # small, since a million objects of strangers' documents would stop everybody for 300 ms.
    gc.freeze()
    gc.set_threshold(50_000, 4, 50)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving


class _Server(uvicorn.Server):
    """Leaves the signals to us: uvicorn would raise them again before the worker has stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
