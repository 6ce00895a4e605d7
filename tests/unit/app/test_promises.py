"""`bookstall schema --check` keeps what clients were promised, and says how to take something away."""

from __future__ import annotations

import pytest

from app.complaint import Complaint
from app.promises import require_kept

RELEASED = "type Query { book: String shop: String }"


def test_a_schema_that_keeps_what_was_promised_passes() -> None:
    require_kept(RELEASED, "type Query { book: String shop: String seller: String }")


def test_a_promise_that_is_broken_is_named_with_what_to_do() -> None:
    with pytest.raises(Complaint, match=r"Field Query.book was removed\. Field Query.shop .* Int\. .*deprecate it"):
        require_kept(RELEASED, "type Query { shop: Int }")


def test_a_deprecation_without_a_date_is_refused() -> None:
    with pytest.raises(Complaint, match=r"Query\.book is deprecated without a date"):
        require_kept(RELEASED, 'type Query { book: String @deprecated(reason: "old") shop: String }')
