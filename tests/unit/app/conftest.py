"""What the tests of private servers share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder that every account of the machine can reach, as pytest's are not."""
    with tempfile.TemporaryDirectory(prefix="bookstall-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
