"""Ctrl-C before a command has begun its work ends it without a word."""

from __future__ import annotations

import os
import subprocess
import sys
from fcntl import F_SETPIPE_SZ, fcntl
from pathlib import Path
from signal import SIGINT

import pytest

from tests.server import ROOT

FEW_BYTES = 4096
"""Of what it imports: it waits until they are read, and so is far from its work when it is interrupted."""


@pytest.mark.parametrize("module", [b" typer.colors\n", b" app.settings\n"])
def test_a_command_that_is_interrupted_while_it_is_read_shows_no_traceback(tmp_path: Path, module: bytes) -> None:
    reading, writing = os.pipe()
    fcntl(writing, F_SETPIPE_SZ, FEW_BYTES)
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "app", "run", "--port", "0", "--data", tmp_path / "data"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=writing,
    )  # fmt: skip
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as imports:
        while not (line := imports.readline()).endswith(module):
            assert line, f"{module!r} was never imported"
        process.send_signal(SIGINT)
        told = [line for line in imports.read().splitlines() if not line.startswith(b"import time:")]
    out, _ = process.communicate()
    assert (process.returncode, out, told) == (130, b"", [])
    assert not (tmp_path / "data").exists()
