"""How an operation is called in a log line."""

from __future__ import annotations

import re

_NAMED = re.compile(r"\b(?:query|mutation|subscription)\s+([_A-Za-z][_0-9A-Za-z]{0,63})\b")
_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")


def is_operation_name(text: str) -> bool:
    """Whether an operation can be called so."""
    return _NAME.fullmatch(text) is not None


def operation_label(document: str, name: str | None) -> str | None:
    """The operation's name: the one that was asked for, or else the first of the document, None without one."""
    if name is not None:
        return name if is_operation_name(name) else None
    named = _NAMED.search(document)
    return named[1] if named else None
