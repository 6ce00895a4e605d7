"""What scripts/install.sh says on a machine that lacks what it needs: one line, and a failure."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOWHERE = "http://127.0.0.1:9/simple"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what the installation reads, and an empty folder `bin` for the programs of the machine."""
    for name in ("pyproject.toml", "uv.lock", "README.md", "scripts/install.sh"):
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, target)
    (tmp_path / "bin").mkdir()
    for program in ("cat", "dirname", "mkdir"):
        (tmp_path / "bin" / program).symlink_to(shutil.which(program) or program)
    return tmp_path


def add_program(clone: Path, name: str, script: str) -> None:
    """Give the machine a program, as a shell script."""
    program = clone / "bin" / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def install(clone: Path) -> subprocess.CompletedProcess[str]:
    """Install with an environment that has nothing but the machine's programs, and a registry that nobody serves."""
    environment = {
        "PATH": str(clone / "bin"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": NOWHERE,
        "PIP_RETRIES": "0",
        "UV_HTTP_RETRIES": "0",
    }
    return subprocess.run(
        ["/bin/sh", "scripts/install.sh"], cwd=clone, env=environment, capture_output=True, text=True, check=False
    )


def test_a_machine_without_python_is_told_so_in_one_line(clone: Path) -> None:
    outcome = install(clone)
    assert outcome.returncode == 1
    assert outcome.stderr == (
        "install: Python 3.11 or newer was not found; install it or name it: PYTHON=/path/to/python3 make ...\n"
    )


def test_an_older_python_is_none_that_counts(clone: Path) -> None:
    add_program(clone, "python3", "exit 1")
    outcome = install(clone)
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("install: Python 3.11 or newer was not found")


def test_a_python_without_venv_is_named_in_one_line(clone: Path) -> None:
    add_program(clone, "python3", f'case "$*" in *ensurepip*) exit 1 ;; *) exec {sys.executable} "$@" ;; esac')
    outcome = install(clone)
    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1
    assert outcome.stderr.startswith(f"install: {clone}/bin/python3 has no venv module")


def test_a_registry_out_of_reach_is_told_in_one_line(clone: Path) -> None:
    add_program(clone, "python3", f'exec {sys.executable} "$@"')
    outcome = install(clone)
    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1
    assert "is the package registry reachable?" in outcome.stderr
    assert "pip install" in outcome.stderr
