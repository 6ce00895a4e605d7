"""What is wrong with a request's JSON that a parser takes and others choke on."""

from __future__ import annotations

import re
from typing import Any

import orjson

from graph.limits import Limits

_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_LONG_NUMBER = re.compile(rb"[-+.0-9eE]{20,}")


class JsonRefused(ValueError):
    """The text is no JSON, or not of a kind that is taken; the message says why in a sentence."""


def read_json(text: bytes, limits: Limits) -> Any:
    """What the text says; raises JsonRefused.

    The parser itself refuses NaN, lone surrogates, what is not UTF-8, and more than a thousand brackets in each other.
    """
    try:
        value = orjson.loads(text)
    except ValueError:
        raise JsonRefused("The body is not JSON.") from None
    # The parser reads what does not fit into 64 bits as a float, whose last digits are others than those sent. It went
    # first, so that every text ends: looking for the end of one that has none takes a time that grows by the square.
    if _LONG_NUMBER.search(text) and any(
        len(number) > limits.json_digits for number in _LONG_NUMBER.findall(_TEXT.sub(b" ", text))
    ):
        raise JsonRefused(f"A number has at most {limits.json_digits} digits.")
    _require_bounded(value, limits)
    return value


def _require_bounded(value: object, limits: Limits) -> None:
    """Raises JsonRefused for lists that are too long, for what lies too deep, and for the character NUL."""
    level: list[object] = [value]
    depth = 0
    while level:
        below: list[object] = []
        for part in level:
            if isinstance(part, str):
                if "\0" in part:
                    raise JsonRefused("A text cannot hold the character NUL.")
            elif isinstance(part, list | dict):
                if depth == limits.json_depth:
                    raise JsonRefused(f"Lists and objects lie at most {limits.json_depth} deep in each other.")
                if isinstance(part, dict):
                    below += part.values()
                elif len(part) > limits.json_items:
                    raise JsonRefused(f"A list has at most {limits.json_items} items.")
                below += part
        level, depth = below, depth + 1
