"""What a supervisor and Prometheus are told, how often that costs something, and who else is told nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.exposition import watching_routes
from app.gateway import gateway
from app.health import Recent
from app.settings import DOMAINS, Settings
from app.wiring import Shop, migrate_all, open_shop
from graph.application import application
from kernel.database import Observation, open_database
from tests.production import SOUND
from tests.serving import served

TOKEN = "a-token-that-only-prometheus-has"
WATCHED = ("/readyz", "/metrics")


@asynccontextmanager
async def opened(data: Path, **changes: Any) -> AsyncIterator[Shop]:
    """A marketplace with these settings."""
    settings = Settings.load(data=data, **changes)
    await migrate_all(settings)
    async with open_shop(settings) as shop:
        yield shop


@asynccontextmanager
async def asking(data: Path, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway with these settings."""
    async with opened(data, **changes) as shop, served(gateway(shop)) as http:
        yield http


def code_of(answer: httpx.Response) -> str:
    """The code of the one error of an answer."""
    assert answer.headers["content-type"] == "application/json"
    (error,) = answer.json()["errors"]
    return error["extensions"]["code"]


class Hands:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


async def test_a_crowd_costs_each_database_one_question_a_second(tmp_path: Path) -> None:
    ran: list[Observation] = []
    clock = Hands()
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(opened(tmp_path))
        databases = {}
        for name in DOMAINS:
            url = shop.settings.database_of(name)
            databases[name] = await open_database(url, name=name, pool_size=2, observe=ran.append)
            stack.push_async_callback(databases[name].close)
        routes = watching_routes(replace(shop, databases=databases), clock)
        http = await stack.enter_async_context(served(application(routes)))
        for path, statements in (("/readyz", 1), ("/metrics", 2), ("/readyz", 0)):
            answers = await asyncio.gather(*(http.get(path) for _ in range(40)))
            assert {answer.status_code for answer in answers} == {200}
            assert Counter(one.database for one in ran) == {name: statements for name in DOMAINS if statements}
            ran.clear()
        clock.seconds += 1.0
        await asyncio.gather(*(http.get("/readyz") for _ in range(40)))
        assert Counter(one.database for one in ran) == dict.fromkeys(DOMAINS, 1)


async def test_who_asks_while_it_is_being_asked_waits_for_the_same_answer() -> None:
    numbers, may_answer = iter(range(10)), asyncio.Event()

    async def ask() -> int:
        number = next(numbers)
        await may_answer.wait()
        return number

    recent = Recent(ask, clock := Hands())
    waiting = [asyncio.create_task(recent.get()) for _ in range(20)]
    may_answer.set()
    assert await asyncio.gather(*waiting) == [0] * 20
    clock.seconds = 0.99
    assert await recent.get() == 0
    clock.seconds = 1.0
    assert await recent.get() == 1


async def test_a_question_that_failed_is_asked_again() -> None:
    answers = iter([RuntimeError("broken"), 7])

    async def ask() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    recent = Recent(ask, Hands())
    with pytest.raises(RuntimeError):
        await recent.get()
    assert await recent.get() == 7


async def test_figures_are_open_to_everybody_in_development(tmp_path: Path) -> None:
    async with asking(tmp_path) as http:
        assert "bookstall_up" in (await http.get("/metrics")).text


@pytest.mark.parametrize(
    "given",
    [f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer", "", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN},Bearer other",
     "Bearer \xe9\xff"],
)  # fmt: skip
async def test_figures_are_for_whoever_has_the_token(tmp_path: Path, given: str) -> None:
    async with asking(tmp_path, metrics_token=TOKEN) as http:
        missing = await http.get("/metrics")
        assert (missing.status_code, code_of(missing)) == (401, "UNAUTHENTICATED")
        assert missing.headers["www-authenticate"] == 'Bearer realm="bookstall"'
        headers = [(b"Authorization", one.encode("latin-1")) for one in given.split(",")]
        refused = await http.get("/metrics", headers=headers)
        assert (refused.status_code, code_of(refused)) == (401, "TOKEN_INVALID")
        assert refused.headers["www-authenticate"] == 'Bearer realm="bookstall", error="invalid_token"'
        for scheme in ("Bearer", "bearer"):
            shown = await http.get("/metrics", headers={"Authorization": f"{scheme} {TOKEN}"})
            assert (shown.status_code, "bookstall_up" in shown.text) == (200, True)


@pytest.mark.parametrize("authorization", [{}, {"Authorization": "Bearer None"}, {"Authorization": "Bearer"}])
async def test_in_production_without_a_token_nobody_is_told_the_figures(
    tmp_path: Path, authorization: dict[str, str]
) -> None:
    async with asking(tmp_path, **SOUND) as http:
        answer = await http.get("/metrics", headers=authorization)
        assert (answer.status_code, code_of(answer)) == (403, "FORBIDDEN")
        assert "BOOKSTALL_METRICS_TOKEN" in answer.json()["errors"][0]["message"]


async def test_in_production_the_token_opens_the_figures(tmp_path: Path) -> None:
    async with asking(tmp_path, **SOUND, metrics_token=TOKEN) as http:
        assert (await http.get("/metrics")).status_code == 401
        shown = await http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert "bookstall_up" in shown.text


@pytest.mark.parametrize(("changes", "told"), [({}, None), (SOUND, "max-age=31536000")])
async def test_browsers_are_told_in_production_to_come_over_https_alone(
    tmp_path: Path, changes: dict[str, Any], told: str | None
) -> None:
    async with asking(tmp_path, **changes) as http:
        answers = [
            await http.get("/livez"),
            await http.get("/nowhere"),
            await http.post("/graphql", json={"query": "{ __typename }"}),
        ]
    assert [answer.headers.get("strict-transport-security") for answer in answers] == [told] * 3


async def test_a_setting_names_who_else_gets_a_session(tmp_path: Path) -> None:
    async with asking(tmp_path, session_hosts="Shop.example, 10.0.0.7") as http:
        statuses = [
            (await http.get("/graphiql/session", headers={"Host": host})).status_code
            for host in ("shop.example:8000", "10.0.0.7", "10.0.0.8")
        ]
        assert statuses == [200, 200, 403]
        assert (await http.get("/graphiql/session")).status_code == 200
