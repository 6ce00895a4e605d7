"""Fail points: named moments at which a test kills the process, to see what the next start makes of what it left.

A point costs a comparison while none is armed, and only the settings arm one.
"""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kernel.logging import log

NONE = "none"
RECORD = "record:"
POINT = re.compile(
    r"(?P<point>(commit|publish|ack|prepare|charge|lookup|void|refund)\.(before|after)(:[A-Za-z][\w/]*)?)(:(?P<hit>[1-9]\d*))?"
)

Armed = Callable[[str], None]

_armed: Armed | None = None
_log = log(__name__)


def reached(point: str, *of: str) -> None:
    """This moment has come, for these: the point's whole name is `commit.before:orders` or `ack.after:orders/Paid`."""
    if _armed is not None:
        _armed(f"{point}:{'/'.join(of)}" if of else point)


@contextmanager
def armed(plan: str) -> Iterator[None]:
    """This process follows a plan for the block; ValueError if it is not understood.

    `none` does nothing. `record:PATH` appends the name of every point that is reached to a file. `NAME` or `NAME:n`
    kills the process, as `kill -9` does, when the point is reached for the first or n-th time.
    """
    global _armed
    before, _armed = _armed, planned(plan)
    if _armed is not None:
        _log.warning("fail points are armed: never do this where people buy", plan=plan)
    try:
        yield
    finally:
        _armed = before


def planned(plan: str) -> Armed | None:
    """What a plan does at each point, None if nothing; ValueError if it is not understood."""
    if plan == NONE:
        return None
    if plan.startswith(RECORD) and (path := plan.removeprefix(RECORD)):
        return _recording(Path(path))
    if found := POINT.fullmatch(plan):
        return _killing(found["point"], int(found["hit"] or 1))
    raise ValueError("a fail point is none, record:PATH, NAME or NAME:n, as in commit.before:orders:2")


def _recording(path: Path) -> Armed:
    def record(point: str) -> None:
        # Opened for each: what is written is there whatever happens next, and several processes share the file.
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, f"{point}\n".encode())
        finally:
            os.close(file)

    return record


def _killing(doomed: str, hit: int) -> Armed:
    hits = 0

    def kill(point: str) -> None:
        nonlocal hits
        if point == doomed:
            hits += 1
            if hits == hit:
                os.kill(os.getpid(), signal.SIGKILL)

    return kill
