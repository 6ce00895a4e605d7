"""The data folder of the embedded form: made on first use, and held by one running server at a time."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.complaint import Complaint
from app.settings import DOMAINS, Settings
from graph.auth import KEY_FILE, EmbeddedIssuer, KeyUnreadable
from kernel.database import Full


class DataFolderProblem(Complaint):
    """The data folder cannot be used; the message says why in one line."""


class DataFolder:
    """Where everything lies that the embedded form keeps."""

    def __init__(self, path: Path) -> None:
        self.path = path

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

    def make(self) -> None:
        """The folder is there; raises DataFolderProblem."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise DataFolderProblem(f"the data folder {self.path} is a file, not a folder") from None
        except OSError as error:
            raise DataFolderProblem(f"the data folder {self.path} cannot be written: {error.strerror}") from None

    def require_shop(self) -> None:
        """There is a shop; raises DataFolderProblem: whoever read of a migration there would make one."""
        self._require_folder()
        if not any((self.path / f"{domain}.db").exists() for domain in DOMAINS):
            raise DataFolderProblem(f"{self.path} holds no shop; name the server's data folder with --data")

    @contextmanager
    def held(self) -> Iterator[None]:
        """The folder, made where it is missing, is ours for the time of the block; raises DataFolderProblem.

        The operating system lets it go when the process dies.
        """
        self.make()
        try:
            lock = (self.path / "lock").open("a+")
        except OSError as error:
            raise DataFolderProblem(f"the data folder {self.path} cannot be written: {error.strerror}") from None
        with lock:
            self._take(lock)
            with self._complaining_when_full():
                yield

    def issuer(self) -> EmbeddedIssuer:
        """The issuer of tokens, whose key lies in the folder and is made on first use; raises DataFolderProblem."""
        try:
            return EmbeddedIssuer(self.path)
        except KeyUnreadable as error:
            raise DataFolderProblem(str(error)) from None
        except OSError as error:
            raise DataFolderProblem(f"the token key in {self.path} cannot be used: {error.strerror}") from None

    def servers_issuer(self) -> EmbeddedIssuer:
        """The issuer of the server that has run here; raises DataFolderProblem: a key made now would be nobody's."""
        self._require_folder()
        if not (self.path / KEY_FILE).exists():
            raise DataFolderProblem(f"{self.path} has no token key; name the server's data folder with --data")
        return self.issuer()

    def _require_folder(self) -> None:
        if not self.path.is_dir():
            raise DataFolderProblem(f"there is no data folder {self.path}; name the server's with --data")

    @contextmanager
    def _complaining_when_full(self) -> Iterator[None]:
        try:
            yield
        except Full as error:  # on PostgreSQL it is another disk, and the error says so
            raise self._full(str(error)) from None
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise self._full("the disk is full") from None

    def _full(self, what: str) -> DataFolderProblem:
        return DataFolderProblem(f"{what}: make room there; the data folder is {self.path}")

    def _take(self, lock: IO[str]) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read(20).strip()
            who = f" (process {holder})" if holder else ""
            raise DataFolderProblem(f"the data folder {self.path} belongs to another running server{who}") from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()


def issuer_of(settings: Settings) -> EmbeddedIssuer:
    """Who issues the tokens here, by the key that the server has made; raises Complaint where a provider does."""
    if not settings.issues_its_tokens:
        raise Complaint(f"tokens come from {settings.oidc_issuer}: get one there")
    return DataFolder(settings.data).servers_issuer()
