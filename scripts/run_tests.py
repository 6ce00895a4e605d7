"""Run all tests that this machine can run, after installing the programs they need where that is possible."""

import sys
from collections.abc import Sequence

import pytest

from scripts.system_parts import INSTALL_LOG, SYSTEM_PARTS, SystemPart, install_missing


def selection(missing: Sequence[SystemPart]) -> str:
    """Return pytest's marker expression that leaves out what needs a missing part, and the long campaigns."""
    return " and ".join(f"not {marker}" for marker in ("long", *(part.marker for part in missing)))


def shortfall(missing: Sequence[SystemPart]) -> str:
    """Return the line that says what was not tested and why."""
    return "NOT TESTED: " + "; ".join(
        f"the tests marked '{part.marker}', because {part.name} is missing (Debian's package {part.package})"
        for part in missing
    )


def main(arguments: Sequence[str]) -> int:
    """Run the tests with pytest's `arguments`; return 0 only if all of them could run and passed."""
    missing = install_missing([part.marker for part in SYSTEM_PARTS], INSTALL_LOG)
    result = pytest.main(["-m", selection(missing), *arguments])
    if missing:
        print(shortfall(missing), flush=True)
        return int(result) or 1
    return int(result)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
