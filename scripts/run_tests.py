"""Run all tests that this machine can run, after installing the programs they need where that is possible."""

import sys
from collections.abc import Sequence
from typing import Protocol

import pytest

from scripts import node_packages
from scripts.system_parts import INSTALL_LOG, SYSTEM_PARTS, install_missing


class Part(Protocol):
    """What the tests with `marker` need and PyPI does not bring."""

    @property
    def marker(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def remedy(self) -> str: ...


def selection(missing: Sequence[Part]) -> str:
    """Return pytest's marker expression that leaves out what needs a missing part, and the long campaigns."""
    return " and ".join(f"not {marker}" for marker in ("long", *(part.marker for part in missing)))


def shortfall(missing: Sequence[Part]) -> str:
    """Return the line that says what was not tested and why."""
    return "NOT TESTED: " + "; ".join(
        f"the tests marked '{part.marker}', because {part.name} is missing ({part.remedy})" for part in missing
    )


def main(arguments: Sequence[str]) -> int:
    """Run the tests with pytest's `arguments`; return 0 only if all of them could run and passed."""
    missing: list[Part] = [
        *install_missing([part.marker for part in SYSTEM_PARTS], INSTALL_LOG),
        *node_packages.install_missing_packages(node_packages.INSTALL_LOG),
    ]
    result = pytest.main(["-m", selection(missing), *arguments])
    if missing:
        print(shortfall(missing), flush=True)
        return int(result) or 1
    return int(result)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
