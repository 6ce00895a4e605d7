"""Pages of a list by keyset: a cursor names the last row seen, so a deep page costs what the first one costs."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

import orjson

T = TypeVar("T")

PAGE_SIZE = 20
PAGE_LIMIT = 100


class InvalidCursor(ValueError):
    """The cursor was not made by this list."""

    def __init__(self) -> None:
        super().__init__("This cursor was not made by this list.")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The first `first` rows (1 to 100) after the row that the cursor `after` names."""

    first: int = PAGE_SIZE
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list, each with its cursor, and whether more follow."""

    items: Sequence[T]
    cursors: Sequence[str]
    has_next: bool


def encode_cursor(*keys: str | int | float | None) -> str:
    """An opaque cursor of a row's sort keys."""
    return urlsafe_b64encode(orjson.dumps(keys)).rstrip(b"=").decode()


def id_in(cursor: str) -> UUID:
    """The id that a cursor names; raises InvalidCursor."""
    (text,) = decode_cursor(cursor, str)
    try:
        return UUID(text)
    except ValueError:
        raise InvalidCursor from None


def decode_cursor(cursor: str, *kinds: type) -> tuple:
    """The sort keys of a cursor, each of the kind that is expected; raises InvalidCursor."""
    try:
        keys = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise InvalidCursor from None
    if not isinstance(keys, list) or len(keys) != len(kinds):
        raise InvalidCursor
    if not all(isinstance(key, kind) for key, kind in zip(keys, kinds, strict=True)):
        raise InvalidCursor
    return tuple(keys)
