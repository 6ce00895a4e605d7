"""Who keeps others waiting has to wait: costly queries and new documents have turns, address by address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from graph.documents import Documents
from graph.limits import Limits
from graph.turns import Turns
from tests.conftest import wait_until
from tests.graph.conftest import listening
from tests.graph.market import Market, fresh_isbn
from tests.graph.socket_client import connected
from tests.graph.test_deadlines import SECONDS, asked

CROWD, STRANGER = "10.0.0.1", "10.0.0.2"


class RecordedTurns(Turns):
    """Turns that know who asked for one, and who was given one, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Hashable] = []
        self.given: list[Hashable] = []

    @asynccontextmanager
    async def of(self, owner: Hashable) -> AsyncIterator[None]:
        self.asked.append(owner)
        async with super().of(owner):
            self.given.append(owner)
            yield

    async def asked_for(self, times: int) -> None:
        """Waits until so many have asked."""

        async def enough() -> bool:
            return len(self.asked) >= times

        await wait_until(enough)


@pytest.mark.parametrize(
    ("taken_for", "document"),
    [
        (lambda turns: {"documents": Documents(turns)}, "query New%d { __typename }"),
        (
            lambda turns: {"costly_turns": turns},
            "query Costly%d { books(first: 100) { nodes { offers(first: 10) { nodes { id } } } } }",
        ),
    ],
)
async def test_a_crowd_at_one_address_keeps_a_stranger_waiting_for_one_of_it(
    market: Market, taken_for: Callable[[Turns], dict[str, object]], document: str
) -> None:
    turns = RecordedTurns()
    services = replace(market.shop.services, limits=Limits(trusted_proxies=1), **taken_for(turns))
    numbers = iter(range(100))

    async def ask(address: str) -> int:
        body = {"query": document % next(numbers) + f" # {fresh_isbn()}"}
        return (await asked(market, services, body, {"X-Forwarded-For": address})).status_code

    async with asyncio.TaskGroup() as clients, turns.of("whoever is first"):
        asking = [clients.create_task(ask(CROWD)) for _ in range(10)]
        await turns.asked_for(11)
        asking.append(clients.create_task(ask(STRANGER)))
        await turns.asked_for(12)
    crowd, stranger = ("address", CROWD), ("address", STRANGER)
    assert turns.given == ["whoever is first", crowd, stranger, *[crowd] * 9]
    assert {client.result() for client in asking} == {200}


async def test_introspection_has_its_turns_with_new_documents(market: Market) -> None:
    turns = RecordedTurns()
    services = replace(market.shop.services, documents=Documents(turns))
    for _ in range(2):
        assert (await asked(market, services, {"query": "{ __schema { types { name } } }"}, {})).status_code == 200
    assert len(turns.given) == 3  # of which the first is the examination


async def test_a_viewer_has_turns_beside_the_strangers_of_the_address(market: Market) -> None:
    turns, buyer = RecordedTurns(), market.buyer()
    services = replace(market.shop.services, documents=Documents(turns))
    await asked(market, services, {"query": f"{{ __typename }} # {fresh_isbn()}"}, {})
    await asked(market, services, {"query": f"{{ __typename }} # {fresh_isbn()}"}, buyer.headers)
    viewer = await market.shop.issuer.verify(buyer.headers["Authorization"].removeprefix("Bearer "))
    assert turns.given == [("address", "127.0.0.1"), ("viewer", viewer.subject)]


async def test_a_subscription_that_nobody_knows_waits_for_its_turn_no_longer_than_a_query(market: Market) -> None:
    turns = RecordedTurns()
    limits = Limits(query_seconds=SECONDS, trusted_proxies=1)
    services = replace(market.shop.services, documents=Documents(turns), limits=limits)
    document = f'subscription {{ stockUpdates(isbns: ["{fresh_isbn()}"]) {{ version }} }}'
    async with (
        listening(market, services) as url,
        connected(url, additional_headers={"X-Forwarded-For": STRANGER}) as client,
    ):
        await client.initialise()
        async with turns.of("somebody else"):
            await client.subscribe(document, "too late")
            message = await client.receive()
            assert (message["id"], message["type"]) == ("too late", "error")
            assert message["payload"][0]["extensions"] == {"code": "TIMEOUT"}
        await client.subscribe(document, "again")
        assert (await client.receive())["type"] == "next"
    assert turns.asked == ["somebody else", ("address", STRANGER), ("address", STRANGER)]
