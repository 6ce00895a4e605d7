"""What holds for every file of the project: no machine's paths, public registries alone, no file too long to read."""

import json
import re
import shutil
import subprocess
import tomllib
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES = 400
WRITTEN_BY_HAND = {".css", ".js", ".py", ".sh", ".ts", ".tsx"}
BUILT = ROOT / "graph/static"
COPIED = ROOT / "tests" / "clients" / "graphql_ws" / "dist"
"""Files of a package, as they are."""
LOCKS = {"uv.lock", "package-lock.json"}

MACHINE_PATH = re.compile(rb"(?<![\w.~-])/(?:root|home|Users|work|farm|opt)/[\w.-]+")
HOST = re.compile(r"https?://([\w.-]+)")
REGISTRY = re.compile(r"pypi|npm|registry|artifactory|nexus|devpi|codeartifact|mirror")
PUBLIC_REGISTRIES = {"pypi.org", "files.pythonhosted.org", "registry.npmjs.org", "www.npmjs.com", "npmjs.com"}


@cache
def project_files() -> tuple[Path, ...]:
    """Return what git tracks; where git cannot tell, all files but those that .gitignore names."""
    if git := shutil.which("git"):
        listing = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
        if listing.returncode == 0:
            return tuple(path for name in listing.stdout.split("\0") if name and (path := ROOT / name).is_file())
    ignored = [".git", *(line.strip("/") for line in (ROOT / ".gitignore").read_text().split())]
    return tuple(path for path in ROOT.rglob("*") if path.is_file() and not _matches(path.relative_to(ROOT), ignored))


def _matches(path: Path, patterns: list[str]) -> bool:
    """Tell whether a pattern matches `path` or a folder that it is in."""
    return any(
        fnmatch(str(step), pattern) or fnmatch(step.name, pattern)
        for step in (path, *path.parents)
        for pattern in patterns
    )


def machine_paths(content: bytes) -> list[str]:
    """Return the absolute paths in `content` that exist on somebody's machine alone."""
    return [found.decode() for found in MACHINE_PATH.findall(content)]


def private_registries(text: str) -> set[str]:
    """Return the hosts in `text` that look like a package registry and are none of the public ones."""
    return {host for host in HOST.findall(text) if REGISTRY.search(host)} - PUBLIC_REGISTRIES


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    assert {
        str(path.relative_to(ROOT)): found for path in project_files() if (found := machine_paths(path.read_bytes()))
    } == {}


def test_no_file_names_a_private_package_registry() -> None:
    texts = {path: path.read_text(errors="ignore") for path in project_files() if path.name not in LOCKS}
    assert {
        str(path.relative_to(ROOT)): found for path, text in texts.items() if (found := private_registries(text))
    } == {}


def test_uv_lock_takes_every_package_from_the_public_registry() -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    assert {tuple(package["source"].items()) for package in packages} == {
        (("registry", "https://pypi.org/simple"),),
        (("editable", "."),),
    }
    wheels = [wheel["url"] for package in packages for wheel in package.get("wheels", ())]
    assert [url for url in wheels if not url.startswith("https://files.pythonhosted.org/")] == []


def test_every_npm_lock_takes_its_packages_from_the_public_registry() -> None:
    locks = [json.loads(path.read_text()) for path in project_files() if path.name == "package-lock.json"]
    resolved = [package["resolved"] for lock in locks for package in lock["packages"].values() if "resolved" in package]
    assert [url for url in resolved if not url.startswith("https://registry.npmjs.org/")] == []


def test_no_file_written_by_hand_is_too_long_to_read() -> None:
    foreign = {path for path in project_files() if path.is_relative_to(BUILT) or path.is_relative_to(COPIED)}
    sources = [path for path in project_files() if path.suffix in WRITTEN_BY_HAND and path not in foreign]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


@pytest.mark.parametrize("folder", ["root", "home", "Users"])
def test_a_path_below_somebodys_home_is_found(folder: str) -> None:
    assert machine_paths(f'cache = "/{folder}/somebody/.cache"'.encode()) == [f"/{folder}/somebody"]
    assert machine_paths(f"https://example.com/{folder}/somebody".encode()) == []


def test_a_private_registry_is_found_among_public_hosts() -> None:
    private = "npm.example.com"
    assert private_registries(f"from https://pypi.org/simple, https://{private}/x and https://example.com/") == {
        private
    }
