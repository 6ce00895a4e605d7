"""How many there are of what each may have a few of, such as the websockets of a viewer, or messages in a minute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from time import monotonic
from typing import TypeVar

Kept = TypeVar("Kept")

MINUTE_SECONDS = 60.0


class Tally:
    """Counts by owner, so that nobody has more than `most`; what has no owner is not counted."""

    def __init__(self, most: float) -> None:
        self.most = most
        self._counts: Counter[Hashable] = Counter()

    def has_room(self, owner: Hashable) -> bool:
        """Whether the owner may have one more."""
        return owner is None or self._counts[owner] < self.most

    def add(self, owner: Hashable) -> None:
        """Count one more."""
        if owner is not None:
            self._counts[owner] += 1

    def remove(self, owner: Hashable) -> None:
        """Count one less; an owner of nothing is forgotten."""
        if owner is not None:
            self._counts[owner] -= 1
            if not self._counts[owner]:
                del self._counts[owner]

    def __len__(self) -> int:
        return self._counts.total()


class Tallied(dict[str, Kept]):
    """What one owner keeps by name, each counted from when it is put in until it is taken out."""

    __slots__ = ("_owner", "_tally")

    def __init__(self, tally: Tally, owner: Hashable) -> None:
        super().__init__()
        self._tally = tally
        self._owner = owner

    def __setitem__(self, name: str, kept: Kept) -> None:
        if name not in self:
            self._tally.add(self._owner)
        super().__setitem__(name, kept)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._tally.remove(self._owner)

    def pop(self, name: str, *default: object) -> Kept:  # type: ignore[override]
        """Take out; the default, or KeyError, where there is nothing."""
        if name in self:
            self._tally.remove(self._owner)
        return super().pop(name, *default)  # type: ignore[arg-type]


class Minute:
    """Counts what comes within a minute, and begins anew with the first that comes after it."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._began = 0.0
        self._count = 0

    def is_over(self) -> bool:
        """Count one more; whether that is one too many."""
        now = monotonic()
        if now - self._began > MINUTE_SECONDS:
            self._began, self._count = now, 0
        self._count += 1
        return self._count > self._most
