"""What a domain asks of another one, answered by the neighbour's face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from domains.catalog import CatalogService
from domains.inventory import HoldLine, InventoryService
from domains.orders import HoldLine as OrdersHoldLine
from domains.orders import Offer, Shortage, ShortageReason


class StockOfInventory:
    """Fulfils the orders' `StockHolds` with the inventory."""

    def __init__(self, inventory: InventoryService) -> None:
        self._inventory = inventory

    async def find_items(self, listing_ids: Sequence[UUID]) -> Mapping[UUID, Offer]:
        """The offers as they stand now; an unknown one is absent."""
        items = await self._inventory.find_items(listing_ids)
        return {
            identifier: Offer(
                listing_id=item.listing_id, isbn=item.isbn, seller_id=item.seller_id, owner_id=item.owner_id,
                grade=item.grade, price=item.price, available=item.available, withdrawn=item.withdrawn,
            )
            for identifier, item in items.items()
        }  # fmt: skip

    async def hold(self, order_id: UUID, lines: Sequence[OrdersHoldLine]) -> Sequence[Shortage]:
        """All lines are held, or none and the shortages are told."""
        wanted = [HoldLine(line.listing_id, line.quantity, line.unit_price) for line in lines]
        return [
            Shortage(short.listing_id, short.wanted, short.available, short.price, ShortageReason(short.reason.value))
            for short in await self._inventory.hold(order_id, wanted)
        ]

    async def renew(self, order_id: UUID, seconds: int) -> None:
        """Keeps what is held for the order for so long from now on."""
        await self._inventory.renew(order_id, seconds)

    async def release(self, order_id: UUID, reason: str) -> None:
        """Gives back what is held for the order."""
        await self._inventory.release(order_id, reason)


class TitlesOfCatalog:
    """Fulfils the orders' `BookTitles` with the catalogue."""

    def __init__(self, catalog: CatalogService) -> None:
        self._catalog = catalog

    async def titles(self, isbns: Sequence[str]) -> Mapping[str, str]:
        """The titles of the known ones among these books."""
        return {isbn: book.title for isbn, book in (await self._catalog.find_books(isbns)).items()}
