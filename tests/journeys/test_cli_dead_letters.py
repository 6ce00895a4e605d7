"""`bookstall dead-letters` beside a running server: what no handler could take is listed, replayed and given up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from app.dead_letters import PAGE
from messaging.events import OrderPaid
from tests.faults.ledger import count
from tests.intruder import publish
from tests.server import Said, Server, bookstall, running

Wait = Callable[..., Awaitable[Any]]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A server of the test's own."""
    async with running(tmp_path / "data", "--no-samples") as server:
        yield server


async def test_a_dead_letter_is_listed_shown_replayed_and_discarded(server: Server, eventually: Wait) -> None:
    event_id = publish(server.data, OrderPaid, b'{"OrderId": "not an id"}')
    letter = f"inventory/{event_id}"

    async def letters(command: str, *arguments: str) -> Said:
        said = await bookstall("dead-letters", command, *arguments, "--data", server.data)
        assert (said.code, said.err) == (0, "")
        return said

    async def is_dead() -> bool:
        return count(server.data, "inventory", "inbox WHERE state = 'dead' AND lease IS NULL") == 1

    await eventually(is_dead)
    listed = (await letters("list", "--domain", "inventory")).out
    assert letter in listed
    assert "OrderPaid" in listed
    assert "cannot be read" in listed
    shown = (await letters("show", letter)).out
    assert 'body: {"OrderId": "not an id"}' in shown
    assert "correlation id: from-outside" in shown

    assert (await letters("replay", letter)).out == "Replayed 1.\n"
    await eventually(is_dead)  # a running server took it up, and it is no better than before
    assert (await letters("discard", letter, "--note", "made up")).out == "Discarded 1.\n"
    assert "inventory/" not in (await letters("list")).out
    again = await bookstall("dead-letters", "discard", letter, "--note", "again", "--data", server.data)
    assert again.complaint == "discarded 0 of 1: the others are no dead letters"


async def test_the_list_has_every_dead_letter_a_line_for_each(server: Server, eventually: Wait) -> None:
    letters = {f"inventory/{publish(server.data, OrderPaid, b'?')}" for _ in range(PAGE + 5)}

    async def all_are_dead() -> bool:
        return count(server.data, "inventory", "inbox WHERE state = 'dead'") == len(letters)

    await eventually(all_are_dead)
    said = await bookstall("dead-letters", "list", "--domain", "inventory", "--data", server.data)
    assert [line.split()[0] for line in said.out.splitlines()] == sorted(letters, reverse=True)
