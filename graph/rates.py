"""From where a request comes, and what those are told who ask too often."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from math import ceil

from starlette.types import Scope

FORWARDED_FOR = b"x-forwarded-for"
HOME_BITS = 64
"""The part of an IPv6 address that names a network; whoever has one has all addresses in it."""


def address_of(scope: Scope, trusted_proxies: int) -> str | None:
    """From where a request comes, None where that cannot be told.

    Every trusted proxy adds to the end of X-Forwarded-For whom it got the request from; what stands before that was
    written by the client itself.
    """
    client = scope.get("client")
    told = client[0] if client else None
    if trusted_proxies:
        values = [value.decode("latin-1") for name, value in scope["headers"] if name == FORWARDED_FOR]
        hops = [hop.strip() for hop in ",".join(values).split(",") if hop.strip()]
        if len(hops) >= trusted_proxies:
            told = hops[-trusted_proxies]
    return _network(told) if told else None


def patience(seconds: float) -> str:
    """How long to wait in whole seconds, as `Retry-After` says it."""
    return str(max(1, ceil(seconds)))


def _network(told: str) -> str | None:
    try:
        address = ip_address(told)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(IPv6Address(int(address) >> HOME_BITS << HOME_BITS))
    return told
