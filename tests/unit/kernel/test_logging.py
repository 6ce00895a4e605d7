"""Log lines: those of libraries look as ours do."""

from __future__ import annotations

import json
import subprocess
import sys

WARNS = """
import logging, warnings
from kernel.logging import configure_logging, correlated
configure_logging()
with correlated("request-7"):
    logging.getLogger("somebody.else").warning("a cable is loose")
warnings.warn("use another one", FutureWarning)
"""


def test_what_libraries_warn_of_are_lines_of_json_too() -> None:
    done = subprocess.run([sys.executable, "-c", WARNS], capture_output=True, text=True, check=True)
    logged, warned = [json.loads(line) for line in done.stderr.splitlines()]
    assert (logged["module"], logged["event"], logged["level"]) == ("somebody.else", "a cable is loose", "warning")
    assert logged["correlation_id"] == "request-7"
    assert (warned["module"], warned["level"]) == ("py.warnings", "warning")
    assert "use another one" in warned["event"]
