"""What an audit says: sentences for people, or one JSON document for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from app.audit.rule import Fault

ROWS_TOLD = 20
"""Of each rule, to people."""
ROWS_WRITTEN = 1000
"""Of each rule, to programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What stood unchanged in all readings."""

    faults: tuple[Fault, ...]
    rules: int
    orders: int
    readings: int
    grace_seconds: float
    began_at: datetime
    seconds: float

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def lines(report: Report) -> Iterator[str]:
    """For people: one line when all is well."""
    if report.clean:
        orders = "1 order" if report.orders == 1 else f"{report.orders:,} orders"
        yield f"All is well: {report.rules} rules hold for {orders} in {report.seconds:.1f} s."
        return
    for fault in report.faults:
        yield f"{', '.join(fault.rule.domains)}: not so: {fault.rule.sentence} [{fault.rule.name}]"
        for row in fault.rows[:ROWS_TOLD]:
            yield "  " + ", ".join(f"{name.replace('_', ' ')} {_said(value)}" for name, value in row)
        if fault.count > ROWS_TOLD:
            yield f"  and {fault.count - ROWS_TOLD:,} more"
        if fault.rule.hint:
            yield f"  {fault.rule.hint}"
    yield f"Broken: {len(report.faults)} of {report.rules} rules."


def document(report: Report) -> str:
    """For programs; docs/operations.md describes it."""
    return json.dumps(
        {
            "clean": report.clean,
            "began_at": report.began_at.isoformat(),
            "seconds": round(report.seconds, 3),
            "readings": report.readings,
            "grace_seconds": report.grace_seconds,
            "rules": report.rules,
            "orders": report.orders,
            "faults": [
                {
                    "rule": fault.rule.name,
                    "domains": fault.rule.domains,
                    "sentence": fault.rule.sentence,
                    "hint": fault.rule.hint,
                    "count": fault.count,
                    "rows": [dict(row) for row in fault.rows[:ROWS_WRITTEN]],
                }
                for fault in report.faults
            ],
        },
        indent=2,
    )


def _said(value: object) -> str:
    return "nothing" if value is None else " ".join(str(value).split())
