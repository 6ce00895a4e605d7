"""Bookstall in a process whose clock is wrong: `python -m tests.faults.wrong_clock SECONDS COMMAND ...`.

Whatever Python can ask for the time of day is that much ahead (below 0: behind), and so are the ids that are made of
it. What measures how long something takes goes on as it is, as on a machine whose clock was set wrong.
"""

import ctypes
import gc
import runpy
import sys
import time
from datetime import UTC, datetime, timedelta, tzinfo
from uuid import UUID

import uuid_utils.compat

_now, _time, _time_ns, _uuid7 = datetime.now, time.time, time.time_ns, uuid_utils.compat.uuid7


def turn_clock(seconds: int) -> None:
    """Comes before the program is imported: what was imported from these modules earlier stays right."""
    ahead = timedelta(seconds=seconds)

    def now(cls: type[datetime], tz: tzinfo | None = None) -> datetime:
        return _now(tz) + ahead

    def utcnow(cls: type[datetime]) -> datetime:
        return _now(UTC).replace(tzinfo=None) + ahead

    # Python lets nobody write into a built-in class, and another class in its place would not do: libraries look
    # at the types of what they are given.
    [methods] = (part for part in gc.get_referents(datetime.__dict__) if isinstance(part, dict))
    methods.update(now=classmethod(now), utcnow=classmethod(utcnow))
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime))
    time.time = lambda: _time() + seconds
    time.time_ns = lambda: _time_ns() + seconds * 10**9
    uuid_utils.compat.uuid7 = lambda: UUID(int=_uuid7().int + (seconds * 1000 << 80))


if __name__ == "__main__":
    turn_clock(int(sys.argv.pop(1)))
    runpy.run_module("app", run_name="__main__", alter_sys=True)
