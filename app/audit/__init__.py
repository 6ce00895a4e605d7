"""`bookstall audit`: whether the books of all domains, the payment provider and the cache agree; changes nothing."""

from __future__ import annotations

import asyncio
from time import perf_counter

from app.audit.books import Limits
from app.audit.reading import opened
from app.audit.report import Report, document, lines
from app.audit.rule import Fault, Rule, standing
from app.audit.rules import ALWAYS, RULES
from app.data_folder import DataFolder
from app.process import console
from app.settings import Settings
from app.wiring import require_migrated
from kernel.clock import utc_now

__all__ = ["ALWAYS", "RULES", "Fault", "Report", "Rule", "audit", "examine"]


def examine(settings: Settings, *, grace_seconds: float, as_json: bool) -> bool:
    """Prints what was found; whether all is well. Raises Complaint where something cannot be read."""
    report = asyncio.run(audit(settings, grace_seconds=grace_seconds))
    for line in [document(report)] if as_json else lines(report):
        console.print(line, markup=False, soft_wrap=True)
    return report.clean


async def audit(settings: Settings, *, grace_seconds: float) -> Report:
    """Reads everything once, and where something was found once more after the grace period; raises Complaint."""
    if settings.owns_its_databases:
        DataFolder(settings.data).require_shop()
    await require_migrated(settings)
    began_at, start = utc_now(), perf_counter()
    faults, orders = await _read(settings)
    readings = 1
    if faults and grace_seconds:
        await asyncio.sleep(grace_seconds)
        again, orders = await _read(settings)
        faults, readings = standing(faults, again), 2
    return Report(
        faults=tuple(faults),
        rules=len(RULES),
        orders=orders,
        readings=readings,
        grace_seconds=grace_seconds,
        began_at=began_at,
        seconds=perf_counter() - start,
    )


async def _read(settings: Settings) -> tuple[list[Fault], int]:
    async with opened(settings, Limits.of) as books:
        return await asyncio.to_thread(books.faults, RULES), books.count("orders.orders")
