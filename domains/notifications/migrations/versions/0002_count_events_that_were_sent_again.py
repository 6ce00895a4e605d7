"""Count events that were sent again, and keep the trace of those that wait.

A downgrade loses both.
"""

from messaging.migrations import count_resent_and_trace_inbox, forget_resent_and_trace

revision: str = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    count_resent_and_trace_inbox()


def downgrade() -> None:
    forget_resent_and_trace()
