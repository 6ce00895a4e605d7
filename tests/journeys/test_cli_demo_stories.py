"""`bookstall demo --story`: every story is played to its end, and what keeps one from it is one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.demo import STORIES
from tests.journeys.conftest import HASTY
from tests.server import Server, bookstall

CROWDED = [story.name for story in STORIES if story.crowd]


async def test_all_stories_are_played_to_their_end(hasty_server: Server) -> None:
    options = ("--url", hasty_server.url, "--data", hasty_server.data)
    said = await bookstall("demo", "--story", "all", *options, settings=HASTY)
    assert (said.code, said.err) == (0, ""), said
    ends = [line for line in said.out.splitlines() if line.startswith("Everything arrived")]
    assert len(ends) == len(STORIES)
    for story in STORIES:
        assert story.title in said.out


async def test_a_story_tells_what_its_people_see(embedded_server: Server) -> None:
    options = ("--url", embedded_server.url, "--data", embedded_server.data)
    said = await bookstall("demo", "--story", "cancellation", *options)
    assert (said.code, said.err) == (0, ""), said
    for told in (
        "cancel the order: CANCELLED, REFUND",
        "SaleReversed (sellers)",
        "StockReleased (inventory)",
        "cancelled and settled: CANCELLED, REFUNDED",
        "is cancelled”",
    ):
        assert told in said.out


async def test_what_is_no_story_is_answered_by_all_that_there_are(tmp_path: Path) -> None:
    said = await bookstall("demo", "--story", "once upon a time", "--data", tmp_path)
    names = ", ".join(story.name for story in STORIES)
    assert said.complaint == f"'once upon a time' is no story: there are {names}, and all"


@pytest.mark.parametrize("story", CROWDED)
async def test_a_story_of_many_people_is_not_played_with_one_token(tmp_path: Path, story: str) -> None:
    said = await bookstall("demo", "--story", story, "--token", "anybody's", "--data", tmp_path)
    assert said.complaint == (
        f"{story} takes more people than one token speaks for: name the server's data folder instead"
    )


async def test_with_one_token_the_stories_of_one_buyer_are_played(
    embedded_hasty_server: Server, tmp_path: Path
) -> None:
    token = embedded_hasty_server.token("stefan")
    options = ("--url", embedded_hasty_server.url, "--data", tmp_path / "nowhere", "--token", token)
    said = await bookstall("demo", "--story", "all", *options, settings=HASTY)
    assert (said.code, said.err) == (0, ""), said
    assert said.out.count("Everything arrived") == len(STORIES) - len(CROWDED)
    assert said.out.splitlines()[-1] == f"Not played with one token alone: {', '.join(CROWDED)}"


async def test_a_story_whose_end_does_not_come_is_given_up(embedded_server: Server) -> None:
    impatient = {"BOOKSTALL_CHARGE_SECONDS": "1", "BOOKSTALL_LATE_SECONDS": "1"}
    options = ("--url", embedded_server.url, "--data", embedded_server.data, "--seconds", "2")
    said = await bookstall("demo", "--story", "unknown-payment", *options, settings=impatient)
    assert (said.code, said.err) == (1, "bookstall: the paid and settled order did not arrive within 5 s\n")
