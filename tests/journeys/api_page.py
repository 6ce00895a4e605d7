"""docs/api.md as its reader plays it: every block in its turn, with what the answers before it said."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
from graphql import OperationDefinitionNode, OperationType, parse

from app.live_client import LiveClient
from tests.live import SECONDS
from tests.server import Server

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
PRINTED_ADDRESS = "http://127.0.0.1:8000"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SIGN_IN = re.compile(r"TOKEN=\$\(\.venv/bin/bookstall token --as (\w+)(?: --role (\w+))?\)")
DIFFERENT_EACH_TIME = {"id", "number", "version", "cursor", "endCursor", "url"}
"""Fields that no two shops share: what comes in place of a printed text is sent and expected from then on."""


class Differs(Exception):
    """The shop says something else than the page."""


class Reader:
    """Somebody who copies every block of the page into a shop, one after the other."""

    def __init__(self, server: Server, http: httpx.AsyncClient, connections: AsyncExitStack) -> None:
        self._server = server
        self._http = http
        self._connections = connections
        self._token = ""
        self._documents: list[str] = []
        self._unsent = set[str]()
        self._answer: Any = None
        """What came and has not been compared yet."""
        self._updates: AsyncIterator[Any] | None = None
        self._names = {PRINTED_ADDRESS: server.url}

    async def read(self, page: str) -> None:
        """From top to bottom; raises Differs."""
        for language, text in blocks(page):
            await self.play(language, text)
        if self._unsent:
            raise Differs(f"the page has no variables for {self._unsent}")
        self._came(None)

    async def play(self, language: str, text: str) -> None:
        """Type a command, send an operation, or compare what came; raises Differs."""
        if language == "sh":
            for line in text.splitlines():
                await self._type(line)
        elif language == "graphql":
            self._documents.append(text)
            self._unsent.add(text)
            if not variables_of(text):
                await self._send(text, {})
        elif language == "json":
            for value in values(text):
                if value.keys() & {"data", "errors"}:
                    await self._compare(value)
                else:
                    await self._send(self._last_that_takes(value), self._as_here(value))

    # --- what the reader does

    async def _type(self, line: str) -> None:
        if signed_in := SIGN_IN.fullmatch(line):
            name, role = signed_in.groups()
            self._token = self._server.token(name, role or "buyer")
            return
        program, *words = shlex.split(self._as_here(line).replace("$TOKEN", self._token))
        assert program == "curl", line
        method, headers, body, address = "GET", dict[str, str](), None, ""
        for word in (rest := iter(words)):
            match word:
                case "-X":
                    method = next(rest)
                case "-H":
                    name, _, value = next(rest).partition(": ")
                    headers[name] = value
                case "-d":
                    method, body = "POST", next(rest)
                case _:
                    address = word
        response = await self._http.request(method, address, headers=headers, content=body)
        self._came(response.json() if body else None)

    def _last_that_takes(self, variables: Any) -> str:
        return next(text for text in reversed(self._documents) if variables_of(text) == variables.keys())

    async def _send(self, document: str, variables: Any) -> None:
        self._unsent.discard(document)
        if operation_of(document).operation is OperationType.SUBSCRIPTION:
            client = await self._connections.enter_async_context(LiveClient.connected(self._server.url, self._token))
            self._updates = client.follow(document, variables)
            self._came(await self._update())
            return
        request = {"query": document, "variables": variables}
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        response = await self._http.post(f"{self._server.url}/graphql", json=request, headers=headers)
        self._came(response.json())

    def _came(self, answer: Any) -> None:
        if self._answer is not None:
            raise Differs(f"the page does not show {self._answer}")
        self._answer = answer

    async def _update(self) -> Any:
        assert self._updates is not None
        return {"data": await anext(self._updates)}

    # --- what the reader sees

    async def _compare(self, printed: Any) -> None:
        """The answer is what is printed; where none is due, the subscription says it sooner or later."""
        if self._answer is not None:
            answer, self._answer = self._answer, None
            self._names |= self._renamed(printed, answer)
            return
        async with asyncio.timeout(SECONDS):
            while True:
                try:
                    self._names |= self._renamed(printed, await self._update())
                except Differs:
                    continue
                return

    def _as_here(self, printed: Any) -> Any:
        """What is printed, as it is called in this shop."""
        text = json.dumps(printed, ensure_ascii=False)
        for there, here in self._names.items():
            text = text.replace(there, here)
        return json.loads(text)

    def _renamed(self, printed: Any, answer: Any) -> dict[str, str]:
        """What is called otherwise in this shop; raises Differs."""
        return dict(self._compared(printed, answer, "", ""))

    def _compared(self, printed: Any, answer: Any, name: str, at: str) -> Iterator[tuple[str, str]]:
        match printed, answer:
            case dict(), dict() if printed.keys() == answer.keys():
                for key in printed:
                    yield from self._compared(printed[key], answer[key], key, f"{at}.{key}")
            case list(), list() if len(printed) <= len(answer) and bool(printed) == bool(answer):
                for place, (left, right) in enumerate(zip(printed, answer, strict=False)):
                    yield from self._compared(left, right, name, f"{at}[{place}]")
            case str(), str() if name in DIFFERENT_EACH_TIME and self._names.get(printed, answer) == answer:
                yield printed, answer
            case int(), int() if name in DIFFERENT_EACH_TIME:
                return
            case _ if self._as_here(printed) != answer:
                raise Differs(f"{at.strip('.')} is {answer!r}, and the page says {printed!r}")


def blocks(page: str) -> list[tuple[str, str]]:
    """Its fenced blocks, each with its language."""
    return FENCE.findall(page)


def values(text: str) -> Iterator[Any]:
    """The JSON values that stand one after the other."""
    decoder, rest = json.JSONDecoder(), text.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        yield value
        rest = rest[end:].strip()


def operation_of(document: str) -> OperationDefinitionNode:
    """Its one operation."""
    [operation] = [node for node in parse(document).definitions if isinstance(node, OperationDefinitionNode)]
    return operation


def variables_of(document: str) -> set[str]:
    """The names of its variables."""
    return {definition.variable.name.value for definition in operation_of(document).variable_definitions or ()}
