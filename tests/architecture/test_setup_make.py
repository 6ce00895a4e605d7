"""What `make run` does for the server: it hands over signals and tells of failure, and leaves no process behind."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS_TO_END = 20


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The Makefile and an installation that needs nothing; each test says what its `bookstall` is."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "scripts").mkdir()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name in ("pyproject.toml", "uv.lock", "scripts/install.sh", ".venv/.installed"):
        (tmp_path / name).touch()
    return tmp_path


def run(clone: Path, bookstall: str, *arguments: str) -> subprocess.Popen[str]:
    """Start `make run` with a Python script as the server."""
    program = clone / ".venv/bin/bookstall"
    program.write_text(f"#!{sys.executable}\nimport signal, sys\n{bookstall}\n")
    program.chmod(0o755)
    command = ["make", "--no-print-directory", "run", *arguments]
    return subprocess.Popen(
        command, cwd=clone, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def test_the_server_is_started_with_the_port_and_data_asked_for(clone: Path) -> None:
    server = run(clone, "print(sys.argv[1:])", "PORT=8123", "DATA=some where")
    output, _ = server.communicate(timeout=SECONDS_TO_END)
    assert output == "['run', '--port', '8123', '--data', 'some where']\n"


def test_a_server_that_fails_makes_the_command_fail(clone: Path) -> None:
    server = run(clone, "sys.exit(3)")
    _, errors = server.communicate(timeout=SECONDS_TO_END)
    assert server.returncode == 2
    assert "Error 3" in errors


def serving(clone: Path) -> subprocess.Popen[str]:
    """Return `make run` with a server that is up and ends, saying so, when it is told to stop."""
    server = run(
        clone,
        "def stop(number, frame):\n    print('stopped by', number)\n    sys.exit()\n"
        "signal.signal(signal.SIGINT, stop)\nsignal.signal(signal.SIGTERM, stop)\n"
        "print('serving', flush=True)\nsignal.pause()",
    )
    assert server.stdout is not None
    assert server.stdout.readline() == "serving\n"
    return server


def test_a_command_that_is_terminated_ends_the_server_first(clone: Path) -> None:
    server = serving(clone)
    server.terminate()
    output, _ = server.communicate(timeout=SECONDS_TO_END)
    assert output == f"stopped by {signal.SIGTERM}\n"
    assert server.returncode == -signal.SIGTERM


def test_control_c_reaches_the_server_through_the_command(clone: Path) -> None:
    server = serving(clone)
    os.killpg(server.pid, signal.SIGINT)
    output, _ = server.communicate(timeout=SECONDS_TO_END)
    assert output == f"stopped by {signal.SIGINT}\n"
