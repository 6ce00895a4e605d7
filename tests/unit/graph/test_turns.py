"""Turns have one holder at a time, none is lost, and no owner has more of them by asking more."""

from __future__ import annotations

import asyncio
import weakref
from collections import Counter
from collections.abc import Generator
from types import coroutine

from hypothesis import given
from hypothesis import strategies as some

from graph.turns import FEW, Turns

OWNERS = "abc"


@coroutine
def one_step() -> Generator[None, None, None]:
    """Whatever can run goes on by a step."""
    yield


class Crowd:
    """Some who ask for turns, hold them until they are told to go on, and may be broken off at any time."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.served: list[str] = []
        self.holding: list[asyncio.Event] = []
        self.tasks: list[asyncio.Task[None]] = []

    def ask(self, name: str) -> None:
        """Asks for a turn of the owner with which the name begins."""
        self.tasks.append(asyncio.create_task(self._hold(name)))

    async def _hold(self, name: str) -> None:
        async with self.turns.of(name[0]):
            self.served.append(name)
            may_go = asyncio.Event()
            self.holding.append(may_go)
            assert len(self.holding) == 1
            try:
                await may_go.wait()
            finally:
                self.holding.remove(may_go)

    def let_go(self) -> None:
        """The holder goes on."""
        for holder in self.holding:
            holder.set()

    async def settle(self) -> None:
        """Everybody gets as far as they get."""
        for _ in range(5):
            await one_step()

    async def end(self) -> None:
        """Everybody has their turn, one after the other."""
        while not all(task.done() for task in self.tasks):
            self.let_go()
            await self.settle()
            assert self.holding or all(task.done() for task in self.tasks)


async def test_owners_take_turns_and_of_an_owner_the_oldest_goes_first() -> None:
    crowd = Crowd()
    for name in ("a0", "a1", "a2", "a3", "b1", "b2", "c1"):
        crowd.ask(name)
    await crowd.end()
    assert crowd.served == ["a0", "a1", "b1", "c1", "a2", "b2", "a3"]


async def test_of_an_owner_for_whom_many_wait_the_newest_goes_first() -> None:
    crowd, many = Crowd(), [f"a{number}" for number in range(1, FEW + 3)]
    for name in ("b0", *many):
        crowd.ask(name)
    await crowd.end()
    *few, last_but_one, last = many
    assert crowd.served == ["b0", last, last_but_one, *few]


async def test_who_is_broken_off_when_its_turn_comes_passes_it_on() -> None:
    crowd = Crowd()
    for name in ("a0", "a1", "b1"):
        crowd.ask(name)
    await crowd.settle()
    crowd.tasks[0].cancel()
    await one_step()
    crowd.tasks[1].cancel()
    await crowd.end()
    assert crowd.served == ["a0", "b1"]


async def test_the_turn_goes_past_who_is_broken_off_at_the_moment_in_which_it_is_passed_on() -> None:
    crowd = Crowd()
    for name in ("a0", "a1", "a2", "b1"):
        crowd.ask(name)
    await crowd.settle()
    crowd.let_go()
    crowd.tasks[2].cancel()
    await crowd.end()
    assert crowd.served == ["a0", "a1", "b1"]


async def test_nobody_is_remembered_who_was_broken_off() -> None:
    class Owner:
        pass

    async def ask(owner: Owner) -> None:
        async with turns.of(owner):
            raise AssertionError("the turn is another's")

    turns, owner = Turns(), Owner()
    remembered = weakref.ref(owner)
    async with turns.of("somebody else"):
        asking = asyncio.create_task(ask(owner))
        del owner
        await one_step()
        asking.cancel()
        await asyncio.wait({asking})
        del asking
        assert remembered() is None


@given(
    some.lists(
        some.one_of(
            some.sampled_from(OWNERS),
            some.tuples(some.just("break off"), some.integers(0, 30)),
            some.sampled_from(["let go", "a step", "settle"]),
        ),
        max_size=60,
    )
)
async def test_no_turn_is_lost_or_held_twice_whoever_is_broken_off(story: list[str | tuple[str, int]]) -> None:
    crowd = Crowd()
    for number, happens in enumerate(story):
        match happens:
            case ("break off", int(which)) if which < len(crowd.tasks):
                crowd.tasks[which].cancel()
            case "let go":
                crowd.let_go()
            case "a step":
                await one_step()
            case "settle":
                await crowd.settle()
            case str() if happens in OWNERS:
                crowd.ask(f"{happens}{number}")
    await crowd.end()
    outcomes = Counter(task.cancelled() for task in crowd.tasks)
    assert all(task.cancelled() or task.exception() is None for task in crowd.tasks)
    assert outcomes[False] <= len(crowd.served) <= len(crowd.tasks)
    crowd.ask("the last one")
    await crowd.end()
    assert crowd.served[-1] == "the last one"


async def test_as_many_hold_turns_as_may_and_whoever_comes_then_waits() -> None:
    turns, held = Turns(2), list[str]()

    async def hold(name: str, until: asyncio.Event) -> None:
        async with turns.of(name):
            held.append(name)
            await until.wait()

    first, others = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for name, until in (("a", first), ("b", others), ("c", others)):
            tasks.create_task(hold(name, until))
        await one_step()
        assert held == ["a", "b"]
        first.set()
        for _ in range(3):
            await one_step()
        assert held == ["a", "b", "c"]
        others.set()
