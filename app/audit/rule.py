"""What an audit is made of: rules that must hold, and the faults that break them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A sentence that must hold, and a query over all books for what breaks it: the ids first, then what is wrong.

    `name` is stable, for programs. `always` holds at every moment of each database alone, also in the files of a
    process that was just killed; the others hold a moment later, when the events of a change have been handled.
    """

    name: str
    domains: tuple[str, ...]
    sentence: str
    query: str
    hint: str = ""
    always: bool = False


Row = tuple[tuple[str, Any], ...]
"""What breaks a rule: names and values, ids first."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that does not hold, and what breaks it; `count` may be more than the rows that are told."""

    rule: Rule
    rows: tuple[Row, ...]
    count: int


def standing(first: Iterable[Fault], second: Iterable[Fault]) -> list[Fault]:
    """What was found both times with the same values: the rest is work that went on in between.

    What breaks a rule that always holds is no such work, so it stands if it is about the same, whatever its values.
    """
    earlier = {fault.rule.name: {_sameness(fault.rule, row) for row in fault.rows} for fault in first}
    faults = []
    for fault in second:
        rows = tuple(row for row in fault.rows if _sameness(fault.rule, row) in earlier.get(fault.rule.name, ()))
        if rows:
            faults.append(Fault(fault.rule, rows, len(rows)))
    return faults


def _sameness(rule: Rule, row: Row) -> Row:
    return row[:1] if rule.always else row
