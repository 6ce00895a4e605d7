"""What the demo says of times and checkouts."""

from __future__ import annotations

import pytest

from app.demo.shopper import told
from app.demo.stage import duration


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0004, "0 ms"), (0.288, "288 ms"), (9.9, "9900 ms"), (10.0, "10 s"), (93.209, "93 s")]
)
def test_a_long_time_is_told_in_seconds(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_a_checkout_that_another_one_keeps_waiting_is_told_in_one_clause() -> None:
    result = {
        "__typename": "CheckoutInProgress",
        "message": "Another checkout is running.",
        "order": {"number": "B-1", "status": "PENDING"},
    }
    assert told(result) == "order B-1 is PENDING still"
