"""GraphQL over HTTP by the letter: the audits of graphql-http, run by Node against a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients.node import run_node
from tests.server import Server

pytestmark = pytest.mark.npm

TABLE = Path(__file__).parents[2] / "docs" / "graphql-over-http.md"


async def audited(server: Server) -> list[dict[str, Any]]:
    """What each audit found."""
    return json.loads(await run_node("audit.mjs", f"{server.url}/graphql"))


def row(audit: dict[str, Any]) -> str:
    level, _, rule = audit["name"].partition(" ")
    if rule.startswith("NOT "):
        level, rule = f"{level} NOT", rule.removeprefix("NOT ")
    return f"| {audit['id']} | {level} | {rule.replace('{', '`').replace('}', '`')} | {audit['status']} |"


async def test_every_must_and_should_of_graphql_over_http_holds_and_the_table_says_so(server: Server) -> None:
    found = await audited(server)
    assert len(found) > 50
    assert [audit for audit in found if audit["status"] != "ok" and not audit["name"].startswith("MAY ")] == []
    assert "\n".join(row(audit) for audit in found) in TABLE.read_text()
