"""docs/api.md is true: what it shows is what a fresh sample shop answers, from top to bottom, in both forms."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import FORMS, SAMPLES
from tests.journeys.api_page import PAGE, Differs, Reader, blocks
from tests.journeys.processes import Settings
from tests.server import Server, running, running_apart

CLIENTS = Path(__file__).parents[1] / "clients"
QUICK = {"BOOKSTALL_CHARGE_SECONDS": "2", "BOOKSTALL_LATE_SECONDS": "5"}
"""What the page says for those who do not want to wait."""

ASKED = "```graphql\nquery Q($isbn: ISBN!) { book(isbn: $isbn) { title authors } }\n```\n"
SENT = '```json\n{ "isbn": "9780142001745" }\n```\n'
BOOK = {"title": "The Secret Life of Bees", "authors": ["Sue Monk Kidd"]}
WRONG = {
    "another text": BOOK | {"title": "The Secret Life of Wasps"},
    "a field too many": BOOK | {"year": 2001},
    "a field too few": {"title": BOOK["title"]},
    "a list too long": BOOK | {"authors": ["Sue Monk Kidd", "Nobody"]},
    "an empty list": BOOK | {"authors": []},
    "nothing": None,
}


def shown(book: object) -> str:
    """A page with an operation, its variables and this answer."""
    return f"{ASKED}{SENT}```json\n{json.dumps({'data': {'book': book}})}\n```\n"


@pytest.fixture
async def embedded_fresh_shop(tmp_path: Path) -> AsyncIterator[Server]:
    """`make run` in a new folder, as the page has it."""
    async with running(tmp_path / "data", settings=SAMPLES | QUICK) as server:
        yield server


@pytest.fixture
async def stack_fresh_shop(migrated: Settings, tmp_path: Path) -> AsyncIterator[Server]:
    """The same sample shop, served by a gateway and two workers."""
    settings = migrated | SAMPLES | QUICK
    async with running(tmp_path / "data", settings=settings):
        """The first start loads the samples."""
    async with running_apart(tmp_path / "data", workers=2, settings=settings) as gateway:
        yield gateway


@pytest.fixture(params=FORMS)
def fresh_shop(request: pytest.FixtureRequest) -> Server:
    """A sample shop of each form that nobody has bought in."""
    return request.getfixturevalue(f"{request.param}_fresh_shop")


@asynccontextmanager
async def reader_in(server: Server) -> AsyncIterator[Reader]:
    """Somebody with the page in one hand."""
    async with AsyncExitStack() as connections, httpx.AsyncClient(timeout=30.0) as http:
        yield Reader(server, http, connections)


async def test_everything_on_the_page_is_so(fresh_shop: Server) -> None:
    page = PAGE.read_text()
    assert len([language for language, _ in blocks(page) if language == "graphql"]) > 10
    async with reader_in(fresh_shop) as reader:
        await reader.read(page)


async def test_a_page_that_is_so_is_believed(embedded_server: Server) -> None:
    async with reader_in(embedded_server) as reader:
        await reader.read(shown(BOOK) + shown(BOOK))


@pytest.mark.parametrize(
    "page",
    [*map(shown, WRONG.values()), ASKED + SENT, ASKED],
    ids=[*WRONG, "no answer", "no variables"],
)
async def test_a_page_that_is_not_so_is_noticed(embedded_server: Server, page: str) -> None:
    async with reader_in(embedded_server) as reader:
        with pytest.raises(Differs):
            await reader.read(page)


def test_what_the_page_shows_of_clients_is_what_the_clients_of_the_tests_run() -> None:
    run = [path.read_text() for path in CLIENTS.glob("*.mjs")]
    pieces = [text for language, text in blocks(PAGE.read_text()) if language == "js"]
    assert len(pieces) == 5
    assert [text for text in pieces if not any(text in source for source in run)] == []
