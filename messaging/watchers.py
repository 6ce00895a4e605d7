"""Those in this process who see a copy of each message."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection

from kernel.logging import log
from messaging.message import Message
from messaging.transport import Watch

_log = log(__name__)


class Watchers:
    """Shows messages to whoever watches their event; a watcher that fails harms nobody else."""

    def __init__(self) -> None:
        self._watches: dict[str, list[Watch]] = defaultdict(list)
        self._missed: list[Callable[[], None]] = []

    @property
    def events(self) -> Collection[str]:
        """The names of the events that somebody watches."""
        return self._watches.keys()

    def add(self, events: Collection[str], watch: Watch, missed: Callable[[], None]) -> None:
        """From now on `watch` sees messages of these events."""
        for event in events:
            self._watches[event].append(watch)
        self._missed.append(missed)

    def show(self, message: Message) -> None:
        """Shows a message to those who watch its event."""
        for watch in self._watches.get(message.name, ()):
            try:
                watch(message)
            except Exception:
                _log.exception("a watcher failed", event_name=message.name)

    def tell_missed(self) -> None:
        """Tells everybody that messages may have been missed."""
        for missed in self._missed:
            try:
                missed()
            except Exception:
                _log.exception("a watcher failed to catch up")
