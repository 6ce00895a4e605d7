"""What every command sets up: the log holds what Python warns of, and nothing of queries that were broken off."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

WARNED = """
import pathlib, sys
from graphql import Executor
from app.command_line import load

async def ours():
    pass

load(data=pathlib.Path(sys.argv[1]), log_format="json")
broken_off = Executor.complete_awaitable_value(None, None, None, None, None, None, None)
del broken_off
forgotten = ours()
del forgotten
"""


async def test_a_warning_is_a_line_of_the_log_and_what_a_query_dropped_is_none(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WARNED, str(tmp_path), cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, told = await process.communicate()
    (line,) = (json.loads(line) for line in told.splitlines())
    assert (line["module"], line["level"]) == ("py.warnings", "warning")
    assert "coroutine 'ours' was never awaited" in line["event"]
