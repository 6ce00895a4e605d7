"""Who may see and do what: every field of the schema is decided, and every door is tried by six people."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_introspection_type,
)

from graph.schema import schema
from tests.graph.access_cases import ANSWERED, CASES, NOT_FOUND, NULL, SEEN, SUBSCRIPTIONS, UNSEEN, Case
from tests.graph.access_decisions import GATES, LEADS_TO, SHARED, TABLES
from tests.graph.access_world import ACTORS, Ids, World, build_world
from tests.graph.market import Market
from tests.graph.socket_client import connected

BUILT = schema._schema
ROOTS = {"Query", "Mutation", "Subscription"}
DOORS = ROOTS | {"Viewer", "SellerDesk", "OperatorDesk"}
TABLE_OF = {name: table for table, types in TABLES.items() for name in types}
TYPES = {
    name: type_
    for name, type_ in BUILT.type_map.items()
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType) and not is_introspection_type(type_)
}


@pytest.fixture(scope="module")
async def world(market: Market) -> World:
    """One marketplace for all cases."""
    return await build_world(market)


# --- what is decided ---------------------------------------------------------------------------------------------


def test_every_field_of_the_schema_is_decided() -> None:
    decided = {
        f"{name}.{field}" for types in TABLES.values() for name, fields in types.items() for field in fields.split()
    }
    there = {
        f"{name}.{field}" for name, type_ in TYPES.items() if name not in ROOTS | {"Node"} for field in type_.fields
    }
    assert there - decided == set(), "decide in tests/graph/access_decisions.py who sees these"
    assert decided - there == set(), "these are no longer there"
    assert len(TABLE_OF) == sum(len(types) for types in TABLES.values()), "a type is in one table"


def test_every_door_is_tried() -> None:
    tried = {case.coordinate for case in CASES}
    doors = {f"{name}.{field}" for name in DOORS for field in TYPES[name].fields}
    assert doors - tried == set(), "say in tests/graph/access_cases.py what each of six people finds there"
    assert tried - doors == set(), "these are no longer there"
    assert all(set(case.expected) == set(ACTORS) for case in CASES)
    assert len({case.name for case in CASES}) == len(CASES)


def test_every_kind_of_node_is_tried() -> None:
    tried = {case.name.split()[1] for case in CASES if case.coordinate == "Query.node"}
    assert {type_.name for type_ in BUILT.get_possible_types(BUILT.type_map["Node"])} <= tried  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", sorted(set(TYPES) - ROOTS - {"Node"}))
def test_nothing_leads_to_what_somebody_else_may_see(name: str) -> None:
    for field, found in TYPES[name].fields.items():
        for reached in possible(get_named_type(found.type)):
            allowed = reached in SHARED or f"{name}.{field}" in GATES or TABLE_OF[reached] in LEADS_TO[TABLE_OF[name]]
            assert allowed, f"{name}.{field} leads to {reached}, which is for {TABLE_OF[reached]}"


def possible(type_: GraphQLNamedType) -> set[str]:
    """The object types that a field of this type can be."""
    if isinstance(type_, GraphQLUnionType | GraphQLInterfaceType):
        return {member.name for member in BUILT.get_possible_types(type_)}
    return {type_.name} if isinstance(type_, GraphQLObjectType) else set()


# --- what is so --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [case for case in CASES if case not in SUBSCRIPTIONS], ids=lambda case: case.name)
async def test_each_of_six_people_finds_what_was_decided(world: World, case: Case) -> None:
    found = {actor: outcome(await ask(world, case, actor, world.ids), case, world) for actor in ACTORS}
    assert found == case.expected


@pytest.mark.parametrize("case", SUBSCRIPTIONS, ids=lambda case: case.name)
async def test_each_of_six_people_watches_what_was_decided(world: World, socket_url: str, case: Case) -> None:
    found = {}
    for actor in ACTORS:
        async for answer in watch(world, socket_url, case, actor, world.ids):
            found[actor] = outcome(answer, case, world)
            if found[actor] == case.expected[actor]:
                break
    assert found == case.expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_what_is_somebody_else_s_looks_like_nothing(world: World, socket_url: str, case: Case) -> None:
    nothing = world.ids.of_nothing()
    hidden = [actor for actor in ACTORS if is_hidden(case.expected[actor])]
    for actor in hidden:
        if case in SUBSCRIPTIONS:
            theirs, none = [await anext(watch(world, socket_url, case, actor, ids)) for ids in (world.ids, nothing)]
        else:
            theirs, none = [await ask(world, case, actor, ids) for ids in (world.ids, nothing)]
        assert theirs == none, actor


def is_hidden(expected: str) -> bool:
    """Whether somebody is told that a thing is not there."""
    return expected in (NULL, NOT_FOUND) or expected.endswith("NotFound")


async def ask(world: World, case: Case, actor: str, ids: Ids) -> Mapping[str, Any]:
    """The whole answer to somebody's question."""
    return await world.people[actor].ask(case.document, **case.variables(world, ids))


async def watch(world: World, url: str, case: Case, actor: str, ids: Ids) -> AsyncIterator[Mapping[str, Any]]:
    """The answers that somebody's subscription brings."""
    async with connected(url) as client:
        await client.initialise(world.people[actor].token)
        await client.subscribe(case.document, **case.variables(world, ids))
        while True:
            message = await client.receive()
            yield {"errors": message["payload"]} if message["type"] == "error" else message["payload"]


def outcome(answer: Mapping[str, Any], case: Case, world: World) -> str:
    """An answer in a word or two: a code, null, a result's type, and whether the mark is in it."""
    if "errors" in answer:
        [error] = answer["errors"]
        return error["extensions"]["code"]
    value = answer["data"]
    while isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))
    if value is None:
        return NULL
    shown = "" if case.mark is None else SEEN if case.mark(world) in json.dumps(answer) else UNSEEN
    name = value["__typename"] if case.name.startswith("Mutation") and isinstance(value, dict) else ""
    if case.name.startswith("Mutation") and isinstance(value, str):
        name = value
    return f"{name} {shown}".strip() or ANSWERED
