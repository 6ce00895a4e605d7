"""Ctrl-C before a command has begun its work ends it without a word."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from signal import SIGINT

import pytest

from tests.server import ROOT


@pytest.mark.parametrize("module", [b" typer.colors\n", b" app.settings\n"])
async def test_a_command_that_is_interrupted_while_it_is_read_shows_no_traceback(tmp_path: Path, module: bytes) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-X", "importtime", "-m", "app", "run", "--port", "0", "--data", tmp_path / "data",
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    while not (line := await process.stderr.readline()).endswith(module):
        assert line, f"{module!r} was never imported"
    process.send_signal(SIGINT)
    out, err = await process.communicate()
    told = [line for line in err.splitlines() if not line.startswith(b"import time:")]
    assert (process.returncode, out, told) == (130, b"", [])
    assert not (tmp_path / "data").exists()
