"""What a shopper of the demo watches: an order, the stock of a book, messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from app.complaint import Complaint
from app.demo.stage import Stage

Answer = dict[str, Any]


class OrderWatch:
    """An order whose steps are shown as they arrive; `order` is its latest state."""

    def __init__(self, stage: Stage, updates: AsyncIterator[Answer]) -> None:
        self._stage = stage
        self._updates = updates
        self._shown = 0
        self.order: Answer = {}

    async def begin(self) -> None:
        """See how it stands."""
        async with self._stage.step("follow the order"):
            await self._stage.soon(self._next(), "the order's snapshot")
        self._show()

    async def settles(self) -> None:
        """Wait until everybody has done their part."""
        await self.until("settled", lambda order: order["settled"], lambda _: f"after {self._shown} steps")

    async def until(
        self,
        name: str,
        fits: Callable[[Answer], bool],
        say: Callable[[Answer], str] | None = None,
        *,
        within: float | None = None,
    ) -> None:
        """Wait until the order is so."""
        async with self._stage.step(name) as tell:
            await self._stage.soon(self._until(fits), f"the {name} order", within=within)
            tell(say(self.order) if say else stands(self.order))

    async def _until(self, fits: Callable[[Answer], bool]) -> None:
        while not fits(self.order):
            await self._next()
            self._show()

    async def _next(self) -> None:
        update = await anext(self._updates, None)
        if update is None:
            raise Complaint("the server ended the order's updates before its time")
        self.order = update["orderUpdates"]["order"]

    def _show(self) -> None:
        for entry in self.order["timeline"][self._shown :]:
            self._stage.tell_entry(entry)
        self._shown = max(self._shown, len(self.order["timeline"]))


class StockWatch:
    """How many copies of a book can be bought, `before` the story's deeds and then as it changes."""

    def __init__(self, stage: Stage, title: str, updates: AsyncIterator[Answer]) -> None:
        self._stage = stage
        self._title = title
        self._updates = updates
        self.before = 0

    async def begin(self) -> None:
        """See how many there are."""
        async with self._stage.step("watch the stock") as say:
            self.before = await self._stage.soon(self._next(), "the stock's snapshot")
            say(f"{self.before} to be had")

    async def becomes(self, name: str, fits: Callable[[int], bool]) -> None:
        """Wait until there are so many."""
        async with self._stage.step(name) as say:
            now = await self._stage.soon(self._until(fits), "the stock's change")
            say(f"{self._title}: {self.before} before, {now} after")
        self.before = now

    async def _until(self, fits: Callable[[int], bool]) -> int:
        while not fits(total := await self._next()):
            pass
        return total

    async def _next(self) -> int:
        update = await anext(self._updates, None)
        if update is None:
            raise Complaint("the server ended a subscription")
        return update["stockUpdates"]["stock"]["total"]


class News:
    """The messages to a shopper."""

    def __init__(self, stage: Stage, updates: AsyncIterator[Answer]) -> None:
        self._stage = stage
        self._updates = updates

    async def begin(self) -> None:
        """See that there is none yet that was not read."""
        async with self._stage.step("sign in to the notifications"):
            await self._stage.soon(self._next(), "the notifications' snapshot")

    async def tells(self, name: str = "read the notification", *, of: str = "") -> None:
        """Wait for a message with these words in its subject."""
        async with self._stage.step(name) as say:
            say(f"“{await self._stage.soon(self._subject(of), 'the notification')}”")

    async def _subject(self, words: str) -> str:
        while (subject := await self._next()) is None or words not in subject:
            pass
        return subject

    async def _next(self) -> str | None:
        update = await anext(self._updates, None)
        if update is None:
            raise Complaint("the server ended a subscription")
        news = update["notifications"]
        return None if news["isSnapshot"] or news["notification"] is None else news["notification"]["subject"]


def stands(order: Answer) -> str:
    """Where an order is, and its money."""
    return f"{order['status']}, {order['paymentStatus']}"
