"""From where a request comes: only a proxy that is trusted is believed, and only for what it wrote itself."""

from __future__ import annotations

import pytest

from graph.rates import NO_ADDRESS, address_of, patience


def seen(client: str | None, *forwarded: str, trusted: int = 0) -> str:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope = {"client": (client, 4711) if client else None, "headers": [(b"host", b"shop"), *headers]}
    return address_of(scope, trusted)


def test_the_header_is_not_believed_without_a_proxy() -> None:
    assert seen("192.0.2.1", "198.51.100.7") == "192.0.2.1"


def test_a_proxy_is_believed_for_what_it_added_itself() -> None:
    assert seen("10.0.0.1", "198.51.100.7", trusted=1) == "198.51.100.7"
    assert seen("10.0.0.1", "203.0.113.9, 198.51.100.7", trusted=1) == "198.51.100.7"
    assert seen("10.0.0.1", "203.0.113.9", "198.51.100.7", trusted=1) == "198.51.100.7"
    assert seen("10.0.0.1", "6.6.6.6, 203.0.113.9, 198.51.100.7", trusted=2) == "203.0.113.9"


def test_a_header_that_is_shorter_than_the_chain_of_proxies_is_not_believed() -> None:
    assert seen("10.0.0.1", "198.51.100.7", trusted=2) == "10.0.0.1"
    assert seen("10.0.0.1", "", ", ,", trusted=1) == "10.0.0.1"


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("198.51.100.7:4711", "198.51.100.7"),
        ("[2001:db8:1:2::7]:4711", "2001:db8:1:2::"),
        ("[2001:db8:1:2::7]", "2001:db8:1:2::"),
        ("[::ffff:198.51.100.7]:4711", "198.51.100.7"),
        ("2001:db8:1:2::7", "2001:db8:1:2::"),
        ("fe80::7%eth0", "fe80::"),
    ],
)
def test_a_proxy_may_write_ports_and_brackets(told: str, address: str) -> None:
    assert seen("10.0.0.1", told, trusted=1) == address


@pytest.mark.parametrize(
    "told", ["nobody", "unknown", "1.2.3", "198.51.100.7:", "198.51.100.7:http", "[2001:db8::7", "[198.51.100.7]:80",
             "2001:db8::7]:80", "[]:80", "300.1.1.1:80", "'; DROP TABLE"],
)  # fmt: skip
def test_what_is_no_address_counts_as_the_proxy(told: str) -> None:
    assert seen("10.0.0.1", told, trusted=1) == "10.0.0.1"


def test_all_who_come_from_no_address_count_as_one() -> None:
    assert seen(None) == seen(None, "198.51.100.7") == seen(None, "nobody", trusted=1) == NO_ADDRESS
    assert seen(None, "198.51.100.7", trusted=1) == "198.51.100.7"


def test_a_network_of_ipv6_is_one_address() -> None:
    assert seen("2001:db8:1:2:3:4:5:6") == seen("2001:db8:1:2::1") == "2001:db8:1:2::"
    assert seen("2001:db8:1:3::1") == "2001:db8:1:3::"
    assert seen("::ffff:192.0.2.1") == "192.0.2.1"


def test_nobody_is_told_to_come_back_too_early() -> None:
    assert [patience(seconds) for seconds in (0.1, 1, 1.2, 59.01)] == ["1", "1", "2", "60"]
