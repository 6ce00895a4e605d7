"""The inventory domain: what there is of every listing, and what of it is held for or taken by orders."""

from domains.inventory.drift import StockCheck, StockDrift
from domains.inventory.errors import CopiesAreHeld, ListingNotFound
from domains.inventory.model import (
    AdjustStock,
    BookStock,
    HoldLine,
    Shortage,
    ShortageReason,
    StockItem,
    StockOffer,
)
from domains.inventory.service import InventoryService

__all__ = [
    "AdjustStock",
    "BookStock",
    "CopiesAreHeld",
    "HoldLine",
    "InventoryService",
    "ListingNotFound",
    "Shortage",
    "ShortageReason",
    "StockCheck",
    "StockDrift",
    "StockItem",
    "StockOffer",
]
