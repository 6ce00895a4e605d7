"""The row type of the saga table: an event and the handlers that react to it, one for each domain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from messaging.consumer import Handler
from messaging.event import Event


@dataclass(frozen=True, slots=True)
class Subscription:
    """`handler` of `domain` reacts to `event`."""

    event: type[Event]
    domain: str
    handler: Handler


def on(event: type[Event], *handlers: Handler) -> tuple[Subscription, ...]:
    """The reactions to an event; a handler's domain is the package that it lives in."""
    return tuple(Subscription(event, _domain_of(handler), handler) for handler in handlers)


def handlers_of(domain: str, saga: Iterable[tuple[Subscription, ...]]) -> dict[type[Event], Handler]:
    """The domain's column of the saga table; raises ValueError when an event has two handlers in one domain."""
    chosen: dict[type[Event], Handler] = {}
    for subscription in (row for rows in saga for row in rows if row.domain == domain):
        if subscription.event in chosen:
            raise ValueError(f"{domain} has two handlers for {subscription.event.__name__}")
        chosen[subscription.event] = subscription.handler
    return chosen


def _domain_of(handler: Handler) -> str:
    package, _, rest = handler.__module__.partition(".")
    if package != "domains":
        raise ValueError(f"{handler.__module__} is not part of a domain")
    return rest.partition(".")[0]
