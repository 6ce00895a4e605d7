"""The programs that some tests need and PyPI does not bring: where this machine has them, and how Debian gets them."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.devstack import find_postgresql

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APT_GET = Path("/usr/bin/apt-get")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CLUSTER_SETTINGS = Path("/etc/postgresql-common/createcluster.d")


@dataclass(frozen=True)
class SystemPart:
    """A program that the tests with `marker` need; `package` is what Debian calls it."""

    marker: str
    name: str
    package: str
    find: Callable[[], Path | None]


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
)


def missing_parts() -> list[SystemPart]:
    """Return the parts that this machine lacks."""
    return [part for part in SYSTEM_PARTS if part.find() is None]


def can_install() -> bool:
    """Tell whether this is root on a machine with apt-get."""
    return os.geteuid() == 0 and APT_GET.exists()


def install(parts: Sequence[SystemPart], log: Path) -> None:
    """Install `parts` with apt-get, its output in `log`; what cannot be had stays missing."""
    log.parent.mkdir(exist_ok=True)
    with log.open("w") as output, _no_cluster_of_its_own():
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
