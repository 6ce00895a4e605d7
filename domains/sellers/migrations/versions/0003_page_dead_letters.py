"""Page dead letters."""

from messaging.migrations import forget_pages_of_letters, page_letters

revision: str = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    page_letters()


def downgrade() -> None:
    forget_pages_of_letters()
