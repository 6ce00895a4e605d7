"""Sellers: who offers which books at which price, and what they earned."""

from domains.sellers.errors import (
    BulkRefused,
    DisplayNameTaken,
    ListingIsWithdrawn,
    ListingNotFound,
    NotASeller,
    TooManyListings,
    UnknownBook,
)
from domains.sellers.model import (
    AlreadyRegistered,
    ChangeListing,
    Listing,
    PublishListing,
    RegisterSeller,
    Sale,
    Seller,
    WithdrawListing,
    seller_id_of,
)
from domains.sellers.service import SellersService
from kernel.errors import IdempotencyKeyReused

__all__ = [
    "AlreadyRegistered",
    "BulkRefused",
    "ChangeListing",
    "DisplayNameTaken",
    "IdempotencyKeyReused",
    "Listing",
    "ListingIsWithdrawn",
    "ListingNotFound",
    "NotASeller",
    "PublishListing",
    "RegisterSeller",
    "Sale",
    "Seller",
    "SellersService",
    "TooManyListings",
    "UnknownBook",
    "WithdrawListing",
    "seller_id_of",
]
