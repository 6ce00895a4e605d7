"""What travels is the wire format of the first system: golden payloads that only ever gain fields."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import BaseModel

from messaging.event import Event, Undecodable, event_named, every_event
from messaging.events import BookStockUpdated, Grade, OrderItem, OrderPaid, SellerUpdated, StockOfSeller

WIRE = Path(__file__).parent / "wire"


def golden() -> list[str]:
    return sorted(path.stem for path in WIRE.glob("*.json"))


def test_every_event_has_a_golden_payload() -> None:
    assert golden() == sorted(event.__name__ for event in every_event())


@pytest.mark.parametrize("name", golden())
def test_a_golden_payload_is_read_and_written_unchanged(name: str) -> None:
    body = (WIRE / f"{name}.json").read_bytes()
    event_type = event_named(name)
    assert event_type is not None
    event = event_type.from_wire(body)
    assert event_type.from_wire(event.to_wire()) == event
    assert json.loads(event.to_wire()) == json.loads(body)


def test_money_is_a_decimal_number_with_two_digits_and_exact() -> None:
    event = OrderPaid.from_wire((WIRE / "OrderPaid.json").read_bytes())
    assert event.total_amount == 2150
    assert b'"TotalAmount":21.50' in event.to_wire()


def test_a_sum_of_many_sales_travels_however_large_it_grows() -> None:
    seller = SellerUpdated.from_wire((WIRE / "SellerUpdated.json").read_bytes())
    rich = seller.model_copy(update={"revenue": 2**63 - 1})
    assert SellerUpdated.from_wire(rich.to_wire()) == rich


def test_a_consumer_that_knows_the_first_format_reads_condition_and_a_new_one_reads_grade() -> None:
    item = {"SellerId": str(UUID(int=1)), "ListingId": str(UUID(int=2)), "Price": 1, "Quantity": 1}
    assert StockOfSeller.model_validate({**item, "Condition": "New"}, context="wire").grade is Grade.NEW
    assert StockOfSeller.model_validate({**item, "Condition": "Used"}, context="wire").grade is Grade.GOOD
    graded = StockOfSeller.model_validate({**item, "Grade": "LIKE_NEW"}, context="wire")
    assert (graded.grade, graded.condition, graded.price) == (Grade.LIKE_NEW, "Used", 100)


def test_unknown_fields_are_ignored_and_missing_ones_defaulted() -> None:
    body = json.loads((WIRE / "OrderPaid.json").read_bytes())
    del body["Number"], body["CustomerEmail"]
    event = OrderPaid.from_wire(json.dumps({**body, "Invented": {"Later": 1}}).encode())
    assert (event.number, event.customer_email) == ("", None)


def test_a_time_without_a_zone_is_read_as_utc() -> None:
    body = json.loads((WIRE / "OrderPaid.json").read_bytes())
    event = OrderPaid.from_wire(json.dumps({**body, "PaidDate": "2026-05-01T12:00:00"}).encode())
    assert event.paid_date == datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_nothing_left_travels_as_zero_and_null_prices() -> None:
    event = BookStockUpdated(
        book_isbn="9780439023481", total_stock=0, available_sellers=0, updated_at=datetime.now(UTC), version=4
    )
    body = json.loads(event.to_wire())
    assert (body["TotalStock"], body["MinPrice"], body["AveragePrice"], body["Sellers"]) == (0, None, None, [])


@given(some.binary(max_size=200) | some.text(max_size=200).map(str.encode))
def test_no_body_makes_reading_raise_anything_but_undecodable(body: bytes) -> None:
    with pytest.raises(Undecodable):
        OrderPaid.from_wire(body)


@pytest.mark.parametrize(
    ("field", "value"),
    [("TotalAmount", "a lot"), ("TotalAmount", 1e300), ("TotalAmount", 1.005), ("OrderId", 7), ("OrderItems", None)],
)
def test_a_field_with_an_impossible_value_is_undecodable_and_named(field: str, value: object) -> None:
    body = json.loads((WIRE / "OrderPaid.json").read_bytes())
    with pytest.raises(Undecodable, match=field):
        OrderPaid.from_wire(json.dumps({**body, field: value}).encode())


def test_every_event_says_who_owns_it_and_to_what_it_happened() -> None:
    for event in every_event():
        assert event.owner in {"orders", "inventory", "catalog", "sellers", "notifications"}
        assert event.aggregate in event.model_fields
        assert event.__doc__
        assert event.__doc__ != Event.__doc__


def test_events_cannot_be_changed_after_they_happened() -> None:
    for kind in (*every_event(), OrderItem):
        assert issubclass(kind, BaseModel)
        assert kind.model_config.get("frozen") is True
