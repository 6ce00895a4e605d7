"""What a checkout may be given, and what is said of what it may not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.orders import Address, AddressParts, Checkout
from domains.orders.commands import address_of, countries, input_problems, stored_key
from kernel.errors import InvalidField
from kernel.money import Money

ADDRESS = AddressParts(name="Ada Byron", line1="12 St James's Square", postal_code="SW1Y", city="London", country="GB")
CHECKOUT = Checkout(
    buyer_id="alice",
    buyer_email=None,
    idempotency_key="key",
    address=ADDRESS,
    amount=Money(1000, "EUR"),
    payment_method="card",
)


def faults(checkout: Checkout) -> dict[str, str]:
    """What is wrong, by the last part of its path."""
    problems = input_problems(checkout)
    assert all(isinstance(problem, InvalidField) and problem.path[0] == "input" for problem in problems)
    return {problem.path[-1]: problem.message for problem in problems}


def test_a_complete_request_has_no_fault() -> None:
    assert faults(CHECKOUT) == {}


def test_every_missing_part_of_an_address_is_told() -> None:
    assert faults(replace(CHECKOUT, address=AddressParts())) == {
        "name": "The name is missing.",
        "line1": "The line 1 is missing.",
        "postalCode": "The postal code is missing.",
        "city": "The city is missing.",
        "country": "The country is missing.",
    }


def test_parts_of_an_address_have_a_path_into_it() -> None:
    (problem,) = input_problems(replace(CHECKOUT, address=replace(ADDRESS, postal_code=" \t")))
    assert problem.path == ("input", "deliveryAddress", "postalCode")


@pytest.mark.parametrize("text", ["x" * 201, "a\x00b", "a\nb", "a\x7fb", "a\ud800b", "a\u2028b"])
def test_text_that_is_too_long_or_cannot_be_written_is_refused(text: str) -> None:
    assert list(faults(replace(CHECKOUT, address=replace(ADDRESS, line2=text)))) == ["line2"]


@pytest.mark.parametrize("country", ["XX", "EU", "ZZ", "G", "GBR", "1A", "Ω1"])
def test_what_is_no_country_is_refused(country: str) -> None:
    assert list(faults(replace(CHECKOUT, address=replace(ADDRESS, country=country)))) == ["country"]


def test_every_country_is_known() -> None:
    assert len(countries()) == 250, "the 249 of ISO 3166, and Kosovo"
    assert {"DE", "FR", "US", "JP", "XK"} <= countries()


def test_an_address_is_stripped_and_its_country_in_capitals() -> None:
    parts = AddressParts(
        name=" Ada ", line1="12", line2=" ", postal_code="1 ", city="London", region="", country=" gb "
    )
    assert faults(replace(CHECKOUT, address=parts)) == {}
    assert address_of(parts) == Address("Ada", "12", None, "1", "London", None, "GB")


@pytest.mark.parametrize("key", ["", "  ", "x" * 256, "a\x00"])
def test_a_key_that_cannot_be_stored_is_refused(key: str) -> None:
    assert list(faults(replace(CHECKOUT, idempotency_key=key))) == ["idempotencyKey"]
    assert stored_key(key) == ""


def test_a_payment_method_is_needed() -> None:
    assert faults(replace(CHECKOUT, payment_method=" ")) == {"paymentMethod": "The payment method is missing."}


CHANGES = [
    {"address": replace(ADDRESS, city="Bath")},
    {"address": replace(ADDRESS, line2="Flat 2")},
    {"amount": Money(1001, "EUR")},
    {"amount": Money(1000, "USD")},
    {"payment_method": "other"},
]


@pytest.mark.parametrize("change", CHANGES)
def test_another_request_has_another_fingerprint(change: dict[str, object]) -> None:
    assert replace(CHECKOUT, **change).fingerprint != CHECKOUT.fingerprint


def test_space_around_text_and_the_key_make_no_other_request() -> None:
    spaced = replace(CHECKOUT, idempotency_key="another", address=replace(ADDRESS, city=" London "))
    assert spaced.fingerprint == CHECKOUT.fingerprint


@given(
    st.builds(AddressParts, name=st.text(), line1=st.text(), city=st.text(), country=st.text()), st.text(), st.text()
)
def test_any_text_is_answered(address: AddressParts, key: str, method: str) -> None:
    checkout = replace(CHECKOUT, address=address, idempotency_key=key, payment_method=method)
    assert len(checkout.fingerprint) == 64
    assert "postalCode" in faults(checkout)
