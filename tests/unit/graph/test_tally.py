"""What is counted by owner: never beyond what each may have, and nothing is left of what is gone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.tally import Tallied, Tally

OWNERS = st.sampled_from(["alice", "bob", None])
STEPS = st.lists(st.tuples(st.sampled_from(["put", "pop", "del", "pop if there"]), OWNERS, st.sampled_from("xyz")))


def test_each_owner_has_room_of_its_own() -> None:
    tally = Tally(2)
    for _ in range(2):
        assert tally.has_room("alice")
        tally.add("alice")
    assert not tally.has_room("alice")
    assert tally.has_room("bob")
    tally.remove("alice")
    assert tally.has_room("alice")


def test_what_has_no_owner_is_not_counted() -> None:
    tally = Tally(1)
    for _ in range(3):
        assert tally.has_room(None)
        tally.add(None)
    tally.remove(None)
    assert len(tally) == 0


@given(steps=STEPS)
def test_what_is_kept_is_counted_however_it_comes_and_goes(steps: list[tuple[str, str | None, str]]) -> None:
    tally = Tally(100)
    shelves = {owner: Tallied[int](tally, owner) for owner in ("alice", "bob", None)}
    for step, owner, name in steps:
        shelf = shelves[owner]
        match step:
            case "put":
                shelf[name] = 1
            case "pop if there":
                assert shelf.pop(name, None) in (1, None)
            case "pop" if name in shelf:
                assert shelf.pop(name) == 1
            case "del" if name in shelf:
                del shelf[name]
            case "pop":
                with pytest.raises(KeyError):
                    shelf.pop(name)
            case _:
                with pytest.raises(KeyError):
                    del shelf[name]
        assert len(tally) == len(shelves["alice"]) + len(shelves["bob"])
