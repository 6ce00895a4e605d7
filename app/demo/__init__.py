"""`bookstall demo`: plays stories against a running server, as a frontend would, and draws them live."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from app.complaint import Complaint
from app.demo.stage import Stage
from app.demo.stories import STORIES, Story
from app.settings import Settings

ALL = "all"

_TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)


def play(url: str, settings: Settings, seconds: float, token: str | None = None, story: str = "purchase") -> None:
    """Plays the story with this name, or all; raises Complaint unless everything arrives within its time limit.

    Without a buyer's token everybody is new, with tokens that are made with the key in the data folder.
    """
    chosen = _chosen(story)
    alone = [one for one in chosen if token is None or not one.crowd]
    if not alone:
        raise Complaint(f"{story} takes more people than one token speaks for: name the server's data folder instead")
    if token is not None and not _TOKEN.fullmatch(token):
        raise Complaint("--token: this is no token: one is three parts with dots between them, without the word Bearer")
    asyncio.run(_play(alone, Stage(url, settings, seconds, token)))
    if left_out := [one.name for one in chosen if one not in alone]:
        print(f"Not played with one token alone: {', '.join(left_out)}")


async def _play(stories: Sequence[Story], stage: Stage) -> None:
    for story in stories:
        stage.opens(story.title)
        try:
            await story.play(stage)
        except Complaint as error:
            raise Complaint(f"{story.name}: {error}" if len(stories) > 1 else str(error)) from None
        stage.closes()


def _chosen(name: str) -> Sequence[Story]:
    """The stories that a name stands for; raises Complaint."""
    chosen = [story for story in STORIES if name in (story.name, ALL)]
    if not chosen:
        raise Complaint(f"{name!r} is no story: there are {', '.join(story.name for story in STORIES)}, and {ALL}")
    return chosen
