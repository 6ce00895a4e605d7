"""The catalog's tables: books, the words they are found by, and the read model of what is offered of them."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table

from domains.catalog.model import LANGUAGE_LENGTH, TITLE_LENGTH
from domains.catalog.words import WORD_LENGTH
from kernel.columns import Instant, Json, new_metadata
from messaging.tables import add_messaging_tables

TITLE_RANK_LENGTH = 200

metadata = new_metadata()
add_messaging_tables(metadata)


def _byte_ordered(length: int) -> String:
    """Text that both databases compare by its bytes, so that a range of it is a prefix."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


books = Table(
    "books",
    metadata,
    Column("isbn", String(13), primary_key=True),
    Column("title", String(TITLE_LENGTH), nullable=False),
    Column("authors", Json, nullable=False),
    Column("year", Integer),
    Column("language", String(LANGUAGE_LENGTH)),
    Column("rating", Integer),  # hundredths
    Column("version", Integer, nullable=False),
    # What books are sorted by, always ascending, so that every order has the same kind of keyset page.
    Column("title_rank", _byte_ordered(TITLE_RANK_LENGTH), nullable=False),
    Column("year_rank", Integer, nullable=False),
    Column("rating_rank", Integer, nullable=False),
    Column("match_rank", Integer, nullable=False),
)
Index("ix_books_title_rank_isbn", books.c.title_rank, books.c.isbn)
Index("ix_books_year_rank_isbn", books.c.year_rank, books.c.isbn)
Index("ix_books_rating_rank_isbn", books.c.rating_rank, books.c.isbn)

book_words = Table(
    "book_words",
    metadata,
    Column("word", _byte_ordered(WORD_LENGTH), primary_key=True),
    Column("isbn", String(13), primary_key=True),
    Column("in_title", Boolean, nullable=False),
    Column("in_authors", Boolean, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_book_words_isbn_word", book_words.c.isbn, book_words.c.word)

book_offers = Table(
    "book_offers",
    metadata,
    Column("isbn", String(13), primary_key=True),
    Column("version", BigInteger, nullable=False),  # of the book's stock; 0 before it ever had any
    Column("cached_version", BigInteger, nullable=False),
    Column("updated_at", Instant),
    Column("total", Integer, nullable=False),
    Column("sellers", Integer, nullable=False),
    Column("currency", String(3)),
    Column("min_price", BigInteger),
    Column("max_price", BigInteger),
    Column("average_price", BigInteger),
    Column("offers", Json, nullable=False),
    Column("price_rank", BigInteger, nullable=False),
)
Index("ix_book_offers_price_rank_isbn", book_offers.c.price_rank, book_offers.c.isbn)
OFFERS_LAG = book_offers.c.cached_version < book_offers.c.version
Index("ix_book_offers_lagging", book_offers.c.isbn, postgresql_where=OFFERS_LAG, sqlite_where=OFFERS_LAG)

filled_cache = Table(
    "filled_cache",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("incarnation", String(200), nullable=False),  # of the cache that all offers were copied to
)
