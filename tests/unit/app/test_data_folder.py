"""A data folder on a full disk is named, in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.data_folder import DataFolder, DataFolderProblem
from kernel.database import Full


def of_the_database() -> None:
    raise Full("the database or its disk is full")


def of_a_file() -> None:
    Path("/dev/full").write_text("a mail")


@pytest.mark.parametrize(
    ("write", "what"), [(of_the_database, "the database or its disk is full"), (of_a_file, "the disk is full")]
)
def test_a_full_disk_is_told_with_the_folder(tmp_path: Path, write: Callable[[], None], what: str) -> None:
    folder = DataFolder(tmp_path / "data")
    with pytest.raises(DataFolderProblem) as told, folder.held():
        write()
    assert str(told.value) == f"{what}: make room there; the data folder is {folder.path}"


def test_what_else_cannot_be_read_is_no_full_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), DataFolder(tmp_path).held():
        (tmp_path / "nothing").read_text()
