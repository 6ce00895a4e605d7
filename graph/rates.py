"""From where a request comes, and what those are told who ask too often."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from math import ceil

from starlette.types import Scope

FORWARDED_FOR = b"x-forwarded-for"
HOME_BITS = 64
"""The part of an IPv6 address that names a network; whoever has one has all addresses in it."""
NO_ADDRESS = "no address"
"""All whose address is not known any more, as of a connection that is lost already, are counted as one."""

_WITH_PORT = re.compile(r"(?P<v4>[0-9.]+):[0-9]{1,5}|\[(?P<v6>[^\]]*:[^\]]*)\](:[0-9]{1,5})?")


def address_of(scope: Scope, trusted_proxies: int) -> str:
    """From where a request comes, as its rate is counted.

    Every trusted proxy adds to the end of X-Forwarded-For whom it got the request from; what stands before that was
    written by the client itself. Where a proxy wrote what is no address, its own is told.
    """
    if trusted_proxies:
        values = [value.decode("latin-1") for name, value in scope["headers"] if name == FORWARDED_FOR]
        hops = [hop.strip() for hop in ",".join(values).split(",") if hop.strip()]
        if len(hops) >= trusted_proxies and (network := _network(_without_port(hops[-trusted_proxies]))):
            return network
    client = scope.get("client")
    return _network(client[0]) or NO_ADDRESS if client else NO_ADDRESS


def patience(seconds: float) -> str:
    """How long to wait in whole seconds, as `Retry-After` says it."""
    return str(max(1, ceil(seconds)))


def _without_port(hop: str) -> str:
    written = _WITH_PORT.fullmatch(hop)
    return written["v4"] or written["v6"] if written else hop


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
