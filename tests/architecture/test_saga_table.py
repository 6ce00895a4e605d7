"""The saga table is whole: each event that a domain needs is in it, and no event has two handlers in one domain."""

import pytest

from app.settings import DOMAINS
from app.subscriptions import SAGA
from messaging.event import every_event
from messaging.subscription import handlers_of


def test_every_domain_has_its_column_of_the_saga() -> None:
    for domain in DOMAINS:
        assert handlers_of(domain, SAGA)


def test_two_handlers_of_one_domain_for_one_event_are_refused() -> None:
    with pytest.raises(ValueError, match="two handlers"):
        handlers_of("inventory", [*SAGA, *SAGA])


def test_events_that_no_domain_consumes_are_for_the_live_hub_and_outsiders() -> None:
    consumed = {subscription.event for rows in SAGA for subscription in rows}
    assert {event.__name__ for event in every_event()} - {event.__name__ for event in consumed} == {
        "OrderCreated",
        "OrderUpdated",
    }
