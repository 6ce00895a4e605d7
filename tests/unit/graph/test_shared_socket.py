"""One subscription of a group: what its client can take at once is written, and what it cannot waits, newest first."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from types import SimpleNamespace
from typing import Any, cast

import orjson
from hypothesis import given
from hypothesis import strategies as st
from starlette.websockets import WebSocketDisconnect
from structlog.testing import capture_logs

from graph.groups import COMPLETE, Frame
from graph.shared_socket import Subscription
from kernel.logging import correlated, correlation_id
from tests.conftest import wait_until
from tests.unit.graph.watching import BOOKS, Watching, turn


class Socket:
    """A client that reads when a test lets it."""

    def __init__(self) -> None:
        self.read: list[Any] = []
        self.reads = asyncio.Event()
        self.is_gone = False

    def write_text(self, head: bytes, body: bytes) -> bool:
        if self.reads.is_set():
            self.read.append(orjson.loads(head + body))
        return self.reads.is_set()

    async def send_text(self, text: str) -> None:
        await self.reads.wait()
        if self.is_gone:
            raise WebSocketDisconnect(1006)
        self.read.append(orjson.loads(text))

    def subscription(self, watching: Watching, identifier: str = "1") -> Subscription:
        """A subscription on this socket."""
        context = SimpleNamespace(viewer=None, asker="somebody")
        handler = SimpleNamespace(socket=self, write_text=self.write_text, operations={}, context=context)
        request = watching.request()
        subscription = Subscription(cast(Any, handler), identifier, request)
        handler.operations[identifier] = subscription
        return subscription

    @property
    def versions(self) -> list[tuple[str, int]]:
        return [(message["payload"]["thing"], message["payload"]["version"]) for message in self.read]


def frame(thing: str, version: int) -> Frame:
    return Frame("next", orjson.dumps({"thing": thing, "version": version}) + b"}", thing)


async def test_what_can_be_taken_is_written_at_once_behind_the_clients_own_id() -> None:
    socket = Socket()
    socket.reads.set()
    subscription = socket.subscription(Watching(), 'with "quotes" and é')
    subscription.offer(frame("a", 1))
    subscription.offer(COMPLETE)
    assert socket.read == [
        {"id": 'with "quotes" and é', "type": "next", "payload": {"thing": "a", "version": 1}},
        {"id": 'with "quotes" and é', "type": "complete"},
    ]
    assert subscription.handler.operations == {}


async def test_a_client_that_does_not_read_keeps_the_newest_of_each_thing_and_then_has_the_last() -> None:
    socket = Socket()
    subscription = socket.subscription(Watching())
    for version in range(1, 101):
        for thing in "ab":
            subscription.offer(frame(thing, version))
            await turn()
    socket.reads.set()

    async def has_read() -> bool:
        return {("a", 100), ("b", 100)} <= set(socket.versions)

    await wait_until(has_read)
    assert socket.versions == [("a", 1), ("b", 100), ("a", 100)]


async def test_what_ends_it_comes_after_what_waits() -> None:
    socket = Socket()
    subscription = socket.subscription(Watching())
    subscription.offer(frame("a", 1))
    subscription.offer(COMPLETE)
    subscription.offer(frame("a", 2))
    socket.reads.set()

    async def has_read() -> bool:
        return len(socket.read) == 2

    await wait_until(has_read)
    assert [message["type"] for message in socket.read] == ["next", "complete"]


async def test_whoever_left_is_sent_nothing_more() -> None:
    watching, socket = Watching(), Socket()
    subscription = socket.subscription(watching)
    subscription.join(watching.groups, watching.request())
    subscription.offer(frame("a", 1))
    subscription.leave()
    subscription.leave()
    subscription.offer(frame("a", 2))
    socket.reads.set()
    await watching.close()
    assert (socket.read, watching.groups.members()) == ([], [])


async def test_each_subscription_is_one_line_of_the_log_under_the_id_of_its_own_socket() -> None:
    watching, socket = Watching(), Socket()
    socket.reads.set()
    for identifier in ("one", "other"):
        with correlated(f"socket of {identifier}"):
            socket.subscription(watching, identifier).join(watching.groups, watching.request())
    with capture_logs(processors=[with_correlation]) as lines:
        await watching.close()

        async def are_ended() -> bool:
            return len(lines) == 2

        await wait_until(are_ended)
    found = [(line["correlation"], line["event"], line["outcome"]) for line in lines]
    assert found == [
        ("socket of one", "graphql_operation", "ended"),
        ("socket of other", "graphql_operation", "ended"),
    ]


def with_correlation(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Adds what a line belongs to."""
    return {**line, "correlation": correlation_id()}


async def test_a_socket_that_is_gone_disturbs_nobody() -> None:
    watching, gone, socket = Watching(), Socket(), Socket()
    gone.is_gone = True
    socket.reads.set()
    for each in (gone, socket):
        each.subscription(watching).join(watching.groups, watching.request())
    gone.reads.set()

    async def has_snapshot() -> bool:
        return len(socket.read) == 1

    await wait_until(has_snapshot)
    watching.change()
    watching.publish()

    async def has_update() -> bool:
        return len(socket.read) == 2

    await wait_until(has_update)
    assert socket.read[1]["payload"]["data"]["stockUpdates"]["isbn"] == BOOKS[0]
    await watching.close()


STEPS = st.lists(st.one_of(st.sampled_from(["reads", "stops", "turn"]), st.sampled_from("abc")), max_size=60)


@given(steps=STEPS)
def test_versions_only_rise_the_last_arrives_and_one_of_each_waits(steps: list[str]) -> None:
    asyncio.run(play(steps))


async def play(steps: list[str]) -> None:
    """A client that reads now and then, while things change."""
    socket = Socket()
    subscription = socket.subscription(Watching())
    versions = dict.fromkeys("abc", 0)
    for step in steps:
        match step:
            case "reads":
                socket.reads.set()
            case "stops":
                socket.reads.clear()
            case "turn":
                await turn()
            case thing:
                versions[thing] += 1
                subscription.offer(frame(thing, versions[thing]))
        assert len(subscription._unsent) <= len(versions)
    socket.reads.set()

    async def has_read_all() -> bool:
        return set(socket.versions) >= {(thing, version) for thing, version in versions.items() if version}

    await wait_until(has_read_all)
    for thing in versions:
        seen = [version for one, version in socket.versions if one == thing]
        assert seen == sorted(set(seen))
