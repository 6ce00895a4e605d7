"""What messages say."""

from uuid import uuid4

import pytest
from jinja2 import UndefinedError

from domains.notifications import NotificationKind
from domains.notifications.texts import Line, show_amount, show_lines, show_order, show_reason, write
from messaging.events import OrderItem

FACTS = {
    "order": "B-1001",
    "total": "€25.00",
    "reason": "out of stock",
    "refund": "€25.00",
    "amount": "€12.50",
    "seller": "Sarah's Shelf",
    "copies": 2,
    "isbn": "9780439023481",
    "lines": [Line(1, "Dune", "€12.50")],
}


def item(title: str) -> OrderItem:
    return OrderItem(
        order_item_id=uuid4(),
        book_isbn="9780439023481",
        seller_id=uuid4(),
        quantity=2,
        unit_price=1250,
        listing_id=uuid4(),
        title=title,
    )


@pytest.mark.parametrize("kind", list(NotificationKind))
def test_every_kind_has_a_text_with_one_line_of_subject(kind: NotificationKind) -> None:
    text = write(kind, **FACTS)

    assert 0 < len(text.subject) <= 100
    assert "\n" not in text.subject
    assert text.body.endswith("\n")
    assert text.body.strip()
    assert "\n\n\n" not in text.body


@pytest.mark.parametrize("kind", list(NotificationKind))
def test_a_text_is_not_written_while_a_fact_is_missing(kind: NotificationKind) -> None:
    with pytest.raises(UndefinedError):
        write(kind)


def test_the_confirmation_lists_books_and_money_as_people_write_them() -> None:
    lines = show_lines([item("Dune & <Messiah>"), item("")], "EUR")

    text = write(NotificationKind.ORDER_PAID, **{**FACTS, "lines": lines})

    assert text.subject == "Your order B-1001 is paid"
    assert "  2 x Dune & <Messiah>, €12.50 each\n  2 x ISBN 9780439023481, €12.50 each\n" in text.body
    assert "€25.00" in text.body


@pytest.mark.parametrize(("copies", "words"), [(1, "1 copy"), (2, "2 copies")])
def test_the_seller_reads_how_many_copies_are_sold(copies: int, words: str) -> None:
    assert (
        write(NotificationKind.COPY_SOLD, **{**FACTS, "copies": copies}).subject == f"You sold {words} in order B-1001"
    )


def test_a_text_without_a_reason_has_no_empty_brackets() -> None:
    text = write(NotificationKind.PAYMENT_FAILED, **{**FACTS, "reason": ""})

    assert "()" not in text.body
    assert "order B-1001.\n" in text.body


def test_a_title_with_line_breaks_does_not_reach_into_the_headers() -> None:
    assert (
        write(NotificationKind.ORDER_PAID, **{**FACTS, "order": "1\r\tBcc: x"}).subject == "Your order 1 Bcc: x is paid"
    )


def test_amounts_orders_and_reasons_are_shown_for_people() -> None:
    order_id = uuid4()

    assert show_amount(125_000, "EUR") == "€1,250.00"
    assert show_order("B-1", order_id) == "B-1"
    assert show_order("", order_id) == str(order_id)
    assert show_reason("OUT_OF_STOCK") == "out of stock"
    assert show_reason("Ada's copy is torn") == "Ada's copy is torn"
