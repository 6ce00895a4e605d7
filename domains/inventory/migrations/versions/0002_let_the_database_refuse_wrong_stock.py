"""Let the database refuse wrong stock."""

from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"

MOVED_AS_ITS_CAUSE_SAYS = (
    "CASE WHEN cause IN ('PUBLISHED', 'CANCELLED', 'REFUNDED') THEN quantity > 0"
    " WHEN cause = 'DEDUCTED' THEN quantity < 0 ELSE cause = 'ADJUSTED' END"
)


def upgrade() -> None:
    with op.batch_alter_table("stock_items", schema=None) as batch_op:
        batch_op.create_check_constraint(op.f("ck_stock_items_unpublished_has_no_copies"), "published OR on_hand = 0")
        batch_op.create_check_constraint(op.f("ck_stock_items_price_is_positive"), "price > 0")
    with op.batch_alter_table("stock_movements", schema=None) as batch_op:
        batch_op.create_check_constraint(
            op.f("ck_stock_movements_done_for_somebody"), "(cause = 'ADJUSTED') = (reference IS NULL)"
        )
        batch_op.create_check_constraint(op.f("ck_stock_movements_moved_as_its_cause_says"), MOVED_AS_ITS_CAUSE_SAYS)


def downgrade() -> None:
    with op.batch_alter_table("stock_movements", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_stock_movements_moved_as_its_cause_says"), type_="check")
        batch_op.drop_constraint(op.f("ck_stock_movements_done_for_somebody"), type_="check")
    with op.batch_alter_table("stock_items", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_stock_items_price_is_positive"), type_="check")
        batch_op.drop_constraint(op.f("ck_stock_items_unpublished_has_no_copies"), type_="check")
