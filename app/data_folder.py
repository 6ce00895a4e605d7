"""The data folder of the embedded form: made on first use, and held by one running server at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from app.complaint import Complaint


class DataFolderProblem(Complaint):
    """The data folder cannot be used; the message says why in one line."""


class DataFolder:
    """Holds the folder's lock until `release`; the operating system lets it go when the process dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    @property
    def mail(self) -> Path:
        """Where mails are written."""
        return self.path / "mail"

    @property
    def charges(self) -> Path:
        """The ledger of the mock payment provider."""
        return self.path / "charges.jsonl"

    @property
    def samples(self) -> Path:
        """Exists once the sample data are complete."""
        return self.path / "samples-loaded"

    def take(self) -> None:
        """Makes the folder where it is missing and locks it; raises DataFolderProblem."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / "lock").open("a+")
        except OSError as error:
            raise DataFolderProblem(
                f"the data folder {self.path} cannot be written: {error.strerror or error}"
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read(20).strip()
            lock.close()
            who = f" (process {holder})" if holder else ""
            raise DataFolderProblem(f"the data folder {self.path} belongs to another running server{who}") from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock

    def release(self) -> None:
        """Lets another server have the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
