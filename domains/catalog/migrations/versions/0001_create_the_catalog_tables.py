"""Create the catalog tables."""

import sqlalchemy as sa
from alembic import op

from kernel.columns import Instant, Json
from messaging.migrations import create_messaging_tables, drop_messaging_tables

revision: str = "0001"
down_revision: str | None = None


def upgrade() -> None:
    create_messaging_tables()
    op.create_table(
        "book_offers",
        sa.Column("isbn", sa.String(length=13), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("cached_version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("sellers", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("min_price", sa.BigInteger(), nullable=True),
        sa.Column("max_price", sa.BigInteger(), nullable=True),
        sa.Column("average_price", sa.BigInteger(), nullable=True),
        sa.Column("offers", Json, nullable=False),
        sa.Column("price_rank", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("isbn", name=op.f("pk_book_offers")),
    )
    with op.batch_alter_table("book_offers", schema=None) as batch_op:
        batch_op.create_index(
            "ix_book_offers_lagging",
            ["isbn"],
            unique=False,
            postgresql_where=sa.text("cached_version < version"),
            sqlite_where=sa.text("cached_version < version"),
        )
        batch_op.create_index("ix_book_offers_price_rank_isbn", ["price_rank", "isbn"], unique=False)

    op.create_table(
        "book_words",
        sa.Column(
            "word", sa.String(length=40).with_variant(sa.String(length=40, collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("isbn", sa.String(length=13), nullable=False),
        sa.Column("in_title", sa.Boolean(), nullable=False),
        sa.Column("in_authors", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("word", "isbn", name=op.f("pk_book_words")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("book_words", schema=None) as batch_op:
        batch_op.create_index("ix_book_words_isbn_word", ["isbn", "word"], unique=False)

    op.create_table(
        "books",
        sa.Column("isbn", sa.String(length=13), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("authors", Json, nullable=False),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("language", sa.String(length=35), nullable=True),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "title_rank",
            sa.String(length=200).with_variant(sa.String(length=200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("year_rank", sa.Integer(), nullable=False),
        sa.Column("rating_rank", sa.Integer(), nullable=False),
        sa.Column("match_rank", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("isbn", name=op.f("pk_books")),
    )
    with op.batch_alter_table("books", schema=None) as batch_op:
        batch_op.create_index("ix_books_rating_rank_isbn", ["rating_rank", "isbn"], unique=False)
        batch_op.create_index("ix_books_title_rank_isbn", ["title_rank", "isbn"], unique=False)
        batch_op.create_index("ix_books_year_rank_isbn", ["year_rank", "isbn"], unique=False)

    op.create_table(
        "sellers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("display_name", sa.String(length=200), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("cached_version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sellers")),
    )
    with op.batch_alter_table("sellers", schema=None) as batch_op:
        batch_op.create_index(
            "ix_sellers_lagging",
            ["id"],
            unique=False,
            postgresql_where=sa.text("cached_version < version"),
            sqlite_where=sa.text("cached_version < version"),
        )


def downgrade() -> None:
    with op.batch_alter_table("sellers", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_sellers_lagging",
            postgresql_where=sa.text("cached_version < version"),
            sqlite_where=sa.text("cached_version < version"),
        )

    op.drop_table("sellers")
    with op.batch_alter_table("books", schema=None) as batch_op:
        batch_op.drop_index("ix_books_year_rank_isbn")
        batch_op.drop_index("ix_books_title_rank_isbn")
        batch_op.drop_index("ix_books_rating_rank_isbn")

    op.drop_table("books")
    with op.batch_alter_table("book_words", schema=None) as batch_op:
        batch_op.drop_index("ix_book_words_isbn_word")

    op.drop_table("book_words")
    with op.batch_alter_table("book_offers", schema=None) as batch_op:
        batch_op.drop_index("ix_book_offers_price_rank_isbn")
        batch_op.drop_index(
            "ix_book_offers_lagging",
            postgresql_where=sa.text("cached_version < version"),
            sqlite_where=sa.text("cached_version < version"),
        )

    op.drop_table("book_offers")
    drop_messaging_tables()
