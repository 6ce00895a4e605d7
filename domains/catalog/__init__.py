"""The catalog: which books there are, how they are found, and what is offered of them."""

from domains.catalog.errors import BookAlreadyKnown
from domains.catalog.model import AddBook, Book, BookOffer, BookOffers, BookOrder, BookQuery
from domains.catalog.samples import read_sample_books
from domains.catalog.service import CatalogService

__all__ = [
    "AddBook",
    "Book",
    "BookAlreadyKnown",
    "BookOffer",
    "BookOffers",
    "BookOrder",
    "BookQuery",
    "CatalogService",
    "read_sample_books",
]
