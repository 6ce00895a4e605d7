"""Global ids: opaque text for clients, a kind and a key for us."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Literal
from uuid import UUID

NodeKind = Literal["Book", "Offer", "Order", "OrderLine", "Refund", "Seller", "Listing", "Notification"]
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


class NotAnId(ValueError):
    """The text is no id of the kind that is asked for."""


def encode_id(kind: str, key: object) -> str:
    """The global id of a thing of this kind; keys are UUIDs, ISBNs or subjects."""
    return urlsafe_b64encode(f"{kind}:{key}".encode()).rstrip(b"=").decode()


def split_id(text: str) -> tuple[str, str]:
    """The kind and the key of a global id; raises NotAnId."""
    try:
        kind, separator, key = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition(":")
    except ValueError:
        raise NotAnId("this is not an id") from None
    if not separator or encode_id(kind, key) != text:
        raise NotAnId("this is not an id")
    return kind, key


def decode_id(text: str, kind: NodeKind) -> UUID:
    """The UUID of a global id of this kind; raises NotAnId."""
    found, key = split_id(text)
    if found != kind:
        words = _CAPITAL.sub(" ", kind).lower()
        raise NotAnId(f"this is not the id of {'an' if kind[0] in 'AEIOU' else 'a'} {words}")
    return uuid_of(key)


def uuid_of(key: str) -> UUID:
    """The UUID that a key is; raises NotAnId."""
    try:
        return UUID(key)
    except ValueError:
        raise NotAnId("this is not an id") from None
