"""What sellers may ask for: every wrong field is named, all of them at once."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.sellers import ChangeListing, PublishListing, RegisterSeller, seller_id_of
from domains.sellers.model import LARGEST_PRICE_MINOR, LONGEST_DISPLAY_NAME, name_key
from kernel.books import Grade
from kernel.errors import InvalidField, UnsupportedCurrency
from kernel.money import Money

ISBN = "9780439023481"


def publish(**changes: object) -> PublishListing:
    terms = {
        "owner_id": "sarah",
        "isbn": ISBN,
        "grade": Grade.GOOD,
        "price": Money(1250, "EUR"),
        "location": "Utrecht",
        "quantity": 3,
        **changes,
    }
    return PublishListing(**terms)  # pyright: ignore[reportArgumentType]


def paths(problems: object) -> list[tuple[str, ...]]:
    return [problem.path for problem in problems]  # pyright: ignore[reportGeneralTypeIssues]


def test_a_sensible_listing_has_no_problems() -> None:
    assert list(publish().problems("EUR")) == []


def test_all_problems_of_a_listing_are_reported_at_once() -> None:
    command = publish(
        isbn="9780439023482", price=Money(0, "USD"), location="a\nb", quantity=0, idempotency_key="\N{NULL}key"
    )

    problems = list(command.problems("EUR"))

    assert paths(problems) == [
        ("input", "isbn"),
        ("input", "price", "currency"),
        ("input", "price", "amount"),
        ("input", "location"),
        ("input", "quantity"),
        ("input", "idempotencyKey"),
    ]
    assert {type(problem) for problem in problems} == {InvalidField, UnsupportedCurrency}
    assert all(problem.message for problem in problems)


@pytest.mark.parametrize("quantity", [-1, 0, 10_001, 2**63])
def test_an_absurd_quantity_is_refused(quantity: int) -> None:
    assert paths(publish(quantity=quantity).problems("EUR")) == [("input", "quantity")]


@pytest.mark.parametrize("quantity", [1, 10_000])
def test_quantities_at_the_limits_are_accepted(quantity: int) -> None:
    assert list(publish(quantity=quantity).problems("EUR")) == []


@pytest.mark.parametrize("minor", [-1, 0, LARGEST_PRICE_MINOR + 1])
def test_an_absurd_price_is_refused(minor: int) -> None:
    assert paths(publish(price=Money(minor, "EUR")).problems("EUR")) == [("input", "price", "amount")]


@pytest.mark.parametrize("text", ["0439023483", "0-439-02348-3", "978-0-439-02348-1", ISBN])
def test_an_isbn_written_in_any_usual_way_is_the_same_book(text: str) -> None:
    assert publish(isbn=text).isbn13 == ISBN
    assert publish(isbn=text).fingerprint == publish().fingerprint


@pytest.mark.parametrize("text", ["", "hello", "9780439023480", "٩٧٨٠٤٣٩٠٢٣٤٨١", "9" * 100])
def test_a_text_that_is_no_isbn_is_refused(text: str) -> None:
    assert paths(publish(isbn=text).problems("EUR")) == [("input", "isbn")]
    assert publish(isbn=text).isbn13 is None


@pytest.mark.parametrize(
    "change",
    [
        {"isbn": "9780439554930"},
        {"grade": Grade.NEW},
        {"price": Money(1251, "EUR")},
        {"location": "Gent"},
        {"quantity": 4},
    ],
)
def test_other_terms_have_another_fingerprint(change: dict[str, object]) -> None:
    assert publish(**change).fingerprint != publish().fingerprint


def test_a_location_may_be_empty_but_not_long() -> None:
    assert list(publish(location="  ").problems("EUR")) == []
    assert paths(publish(location="x" * 81).problems("EUR")) == [("input", "location")]


@pytest.mark.parametrize(
    "name", ["", "   ", "x" * (LONGEST_DISPLAY_NAME + 1), "a\tb", "ab\N{RIGHT-TO-LEFT OVERRIDE}c", "a\0b"]
)
def test_a_display_name_that_cannot_be_shown_is_refused(name: str) -> None:
    command = RegisterSeller(owner_id="sarah", issuer="here", email=None, display_name=name)

    assert paths(command.problems()) == [("input", "displayName")]


def test_an_address_with_a_line_break_is_refused() -> None:
    command = RegisterSeller(owner_id="s", issuer="here", email="a@b.example\nBcc: c@d.example", display_name="Sarah")

    assert paths(command.problems()) == [("input", "email")]


def test_a_change_of_nothing_has_no_problems_and_a_wrong_price_is_named() -> None:
    nothing = ChangeListing(owner_id="sarah", listing_id=uuid4(), version=1)
    wrong = ChangeListing(owner_id="sarah", listing_id=uuid4(), version=1, price=Money(0, "EUR"), location="\r")

    assert list(nothing.problems("EUR")) == []
    assert paths(wrong.problems("EUR")) == [("input", "price", "amount")]
    assert paths(wrong.problems("USD"))[0] == ("input", "price", "currency")


@given(st.text(), st.text(), st.text(), st.text())
def test_two_owners_never_share_a_seller_id(issuer: str, subject: str, other_issuer: str, other_subject: str) -> None:
    same = (issuer, subject) == (other_issuer, other_subject)

    assert (seller_id_of(issuer, subject) == seller_id_of(other_issuer, other_subject)) is same


def test_names_that_look_the_same_are_the_same() -> None:
    assert name_key("Straße  Books") == name_key("STRASSE books")
