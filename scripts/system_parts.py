"""The programs that some tests need and PyPI does not bring: where this machine has them, and how Debian gets them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.devstack import find_postgresql, find_rabbitmq, find_redis
from app.devstack.server import SYSTEM_PATH

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APT_GET = Path("/usr/bin/apt-get")
INSTALL_LOG = Path(".tools/apt.log")
CLUSTER_SETTINGS = Path("/etc/postgresql-common/createcluster.d")
POLICY = Path("/usr/sbin/policy-rc.d")
"""What Debian's packages ask before they start a service; its answer 101 forbids it."""


@dataclass(frozen=True)
class SystemPart:
    """A program that the tests with `marker` need; `package` is what Debian calls it."""

    marker: str
    name: str
    package: str
    find: Callable[[], Path | None]

    @property
    def remedy(self) -> str:
        """Where it can be had."""
        return f"Debian's package {self.package}"


def find_chromium() -> Path | None:
    """Return the Chromium or Chrome of this machine, or None; a launcher that cannot start counts as none."""
    for name in CHROMIUM_NAMES:
        found = shutil.which(name) or shutil.which(name, path=SYSTEM_PATH)
        if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
            return Path(found)
    return None


SYSTEM_PARTS = (
    SystemPart("browser", "Chromium", "chromium", find_chromium),
    SystemPart("postgresql", "PostgreSQL's server", "postgresql", find_postgresql),
    SystemPart("rabbitmq", "RabbitMQ's server", "rabbitmq-server", find_rabbitmq),
    SystemPart("redis", "Redis' server", "redis-server", find_redis),
)


def missing_parts() -> list[SystemPart]:
    """Return the parts that this machine lacks."""
    return [part for part in SYSTEM_PARTS if part.find() is None]


def can_install() -> bool:
    """Tell whether this is root on a machine with apt-get."""
    return os.geteuid() == 0 and APT_GET.exists()


def install_missing(markers: Sequence[str], log: Path) -> list[SystemPart]:
    """Install those of the parts of `markers` that this machine lacks, if it can; return what it lacks still."""
    missing = [part for part in missing_parts() if part.marker in markers]
    if missing and can_install():
        print(f"Installing {', '.join(part.name for part in missing)} with apt-get ...", file=sys.stderr, flush=True)
        install(missing, log)
    return [part for part in missing if part.find() is None]


def install(parts: Sequence[SystemPart], log: Path) -> None:
    """Install `parts` with apt-get, its output in `log`; what cannot be had stays missing."""
    log.parent.mkdir(exist_ok=True)
    with log.open("w") as output, _no_cluster_of_its_own(), _no_service_started():
        for arguments in (
            ["update"],
            *(["install", "--yes", "--no-install-recommends", part.package] for part in parts),
        ):
            subprocess.run(
                [str(APT_GET), "-o", "DPkg::Lock::Timeout=120", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PATH": SYSTEM_PATH, "DEBIAN_FRONTEND": "noninteractive"},
            )


@contextmanager
def _no_cluster_of_its_own() -> Iterator[None]:
    """Keep Debian's postgresql package from creating and starting a cluster; clusters that exist stay as they are."""
    setting = CLUSTER_SETTINGS / "bookstall-tests.conf"
    CLUSTER_SETTINGS.mkdir(parents=True, exist_ok=True)
    setting.write_text("create_main_cluster = false\n")
    try:
        yield
    finally:
        setting.unlink()


@contextmanager
def _no_service_started() -> Iterator[None]:
    """Keep packages from starting their services; a policy that the machine has already stays as it is."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def main(markers: Sequence[str]) -> int:
    """Install what is missing of the parts; return 0 only if all of them are there, and say in one line what is not."""
    missing = install_missing(markers, INSTALL_LOG)
    if missing:
        packages = " ".join(part.package for part in missing)
        names = ", ".join(part.name for part in missing)
        print(f"This machine lacks {names}: install what Debian calls {packages}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
