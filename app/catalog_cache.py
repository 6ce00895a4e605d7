"""`bookstall catalog rebuild`: fills the cache from the catalogue's database, whatever it holds."""

from __future__ import annotations

import asyncio

from app.complaint import Complaint
from app.process import console
from app.settings import Settings
from app.wiring import open_catalog, require_migrated
from kernel.cache import CacheUnavailable


def rebuild(settings: Settings) -> None:
    """Copies everything and says how much that was; raises Complaint where there is no cache beside the process."""
    settings.require_shared_cache()
    copied = asyncio.run(_rebuild(settings))
    console.print(f"Copied the offers of {copied} books.")


async def _rebuild(settings: Settings) -> int:
    await require_migrated(settings, ("catalog",))
    async with open_catalog(settings) as catalog:
        try:
            return await catalog.rebuild_cache()
        except CacheUnavailable as error:
            raise Complaint(f"the cache does not answer: {error}") from None
