"""`bookstall dead-letters`: what the operators' desk shows, on the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import TypeVar

from rich.console import Console

from app.complaint import Complaint
from app.data_folder import DataFolder
from app.settings import DOMAINS, Settings
from kernel.database import Database, DatabaseError, open_database
from kernel.migrations import pending
from kernel.pages import PageRequest
from messaging.deadletters import DeadLetter, DeadLetters, LetterId

T = TypeVar("T")

PAGE = 100
ERROR_LENGTH = 200

_console = Console(highlight=False)


def show_list(settings: Settings, domain: str | None) -> None:
    """A line for each dead letter, the newest first."""
    if domain is not None and domain not in DOMAINS:
        raise Complaint(f"{domain!r} is no domain: there are {', '.join(DOMAINS)}")
    found = _with_letters(settings, lambda letters: _all(letters, domain))
    if not found:
        _console.print("There are no dead letters.")
    for letter in found:
        since = f"{letter.received_at:%Y-%m-%d %H:%M:%S}"
        attempts = "1 attempt" if letter.attempts == 1 else f"{letter.attempts} attempts"
        error = " ".join(letter.error.split())[:ERROR_LENGTH]
        _console.print(f"{letter.id}  {since}  {letter.event}  {attempts}  {error}", markup=False, soft_wrap=True)


async def _all(letters: DeadLetters, domain: str | None) -> list[DeadLetter]:
    found: list[DeadLetter] = []
    page = await letters.list(domain, page=PageRequest(first=PAGE))
    found += page.items
    while page.has_next:
        page = await letters.list(domain, page=PageRequest(first=PAGE, after=page.cursors[-1]))
        found += page.items
    return found


def show_one(settings: Settings, letter: str) -> None:
    """One dead letter with its payload; raises Complaint where there is none."""
    identifier = _parsed(letter)
    found = _with_letters(settings, lambda letters: letters.show(identifier))
    if found is None:
        raise Complaint(f"{letter} is no dead letter")
    for name in ("id", "event", "owner", "received_at", "attempts", "error", "correlation_id", "body"):
        _console.print(f"{name.replace('_', ' ')}: {getattr(found, name)}", markup=False, soft_wrap=True)


def replay(settings: Settings, texts: list[str]) -> None:
    """Hands them to their handlers again: a running server takes them up within a second."""
    identifiers = [_parsed(text) for text in texts]
    _done("replayed", _with_letters(settings, lambda letters: letters.replay(identifiers)), len(texts))


def discard(settings: Settings, texts: list[str], note: str) -> None:
    """Gives them up for good."""
    identifiers = [_parsed(text) for text in texts]
    _done("discarded", _with_letters(settings, lambda letters: letters.discard(identifiers, note)), len(texts))


def _done(what: str, done: int, of: int) -> None:
    if done < of:
        raise Complaint(f"{what} {done} of {of}: the others are no dead letters")
    _console.print(f"{what.capitalize()} {done}.")


def _parsed(text: str) -> LetterId:
    try:
        return LetterId.parse(text)
    except ValueError:
        raise Complaint(f"{text!r} names no dead letter: it is written like orders/0190a5d0-...") from None


def _with_letters(settings: Settings, work: Callable[[DeadLetters], Awaitable[T]]) -> T:
    if settings.owns_its_databases:
        DataFolder(settings.data).require_shop()

    async def go() -> T:
        async with AsyncExitStack() as stack:
            databases: Mapping[str, Database] = {domain: await _opened(settings, domain, stack) for domain in DOMAINS}
            return await work(DeadLetters(databases))

    return asyncio.run(go())


async def _opened(settings: Settings, domain: str, stack: AsyncExitStack) -> Database:
    url = settings.database_of(domain)
    try:
        if await pending(url, domain):
            raise Complaint(f"the database of {domain} is not at this version: run `bookstall migrate`")
        database = await open_database(url, name=domain)
    except DatabaseError as error:
        raise Complaint(f"the database of {domain} cannot be opened: {error}") from None
    stack.push_async_callback(database.close)
    return database
