"""A process of Bookstall itself on the private servers: a gateway, a worker, or a command that ends."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.devstack.server import Server


class Program(Server):
    """A process of Bookstall with these arguments and settings; it is ready once its output has `ready` in it."""

    def __init__(
        self, name: str, arguments: Sequence[object], folder: Path, settings: Mapping[str, str], *, ready: str
    ) -> None:
        super().__init__(folder)
        self.name = name
        self._arguments = arguments
        self._settings = settings
        self._ready = re.compile(ready.encode())
        self._log_bytes = self._read_bytes = 0

    @property
    def said(self) -> bytes:
        """What it wrote since it was last started."""
        with self._log.open("rb") as log:
            log.seek(self._log_bytes)
            return log.read()

    def news(self) -> bytes:
        """What it wrote since this was last asked."""
        with self._log.open("rb") as log:
            log.seek(self._read_bytes)
            written = log.read()
            self._read_bytes = log.tell()
        return written

    def _prepare(self, folder: Path) -> None:
        pass

    def _launch(self) -> None:
        # What an earlier start wrote says nothing about this one.
        self._log_bytes = self._read_bytes = self._log.stat().st_size if self._log.exists() else 0
        self._spawn(sys.executable, "-m", "app", *self._arguments, settings=self._settings)
        self._await()

    def _is_ready(self) -> bool:
        return self._ready.search(self.said) is not None
