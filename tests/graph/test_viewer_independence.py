"""What is executed once for everybody depends on nobody: no resolver beneath it reads who the viewer is.

The resolvers' code is read, with everything of the gateway's floor that it calls. What such a reading cannot see fails
when it is executed, as the context of a shared execution has no viewer (graph/groups.py).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any

from graphql import GraphQLField, GraphQLInterfaceType, GraphQLObjectType, GraphQLUnionType, get_named_type
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graph.context import Context
from graph.schema import schema
from graph.sharing import Sharing, sharing_of

VIEWER = {"viewer", "require_viewer", "require_role"}
CORE = schema._schema
assert CORE.subscription_type is not None
SUBSCRIPTIONS = CORE.subscription_type.fields


def beneath(name: str, field: GraphQLField) -> dict[str, GraphQLField]:
    """A field and all that can be asked for below it, by their names."""
    found: dict[str, GraphQLField] = {}
    waiting = [(name, field)]
    while waiting:
        name, field = waiting.pop()
        if name in found:
            continue
        found[name] = field
        kind: Any = get_named_type(field.type)
        kinds = {kind}
        if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
            kinds |= set(CORE.get_possible_types(kind))
        for each in kinds:
            if isinstance(each, GraphQLObjectType | GraphQLInterfaceType):
                waiting += [(f"{each.name}.{own}", field) for own, field in each.fields.items()]
    return found


def reads_the_viewer(field: GraphQLField) -> bool:
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    resolver = definition and definition.base_resolver
    return resolver is not None and any(set(code.co_names) & VIEWER for code in codes_of(resolver.wrapped_func))


def codes_of(function: FunctionType) -> Iterator[CodeType]:
    """The code of a function and of everything of the gateway's floor that it names."""
    seen: set[CodeType] = set()
    waiting: list[tuple[CodeType, dict[str, Any]]] = [(function.__code__, function.__globals__)]
    while waiting:
        code, names = waiting.pop()
        if code in seen:
            continue
        seen.add(code)
        yield code
        waiting += [(inner, names) for inner in code.co_consts if isinstance(inner, CodeType)]
        named = [names[name] for name in code.co_names if name in names]
        named += [vars(Context)[name] for name in code.co_names if name in vars(Context)]
        for called in named:
            for each in parts(called):
                plain = inspect.unwrap(getattr(each, "fget", None) or getattr(each, "__func__", each))
                if isinstance(plain, FunctionType) and plain.__module__.startswith("graph."):
                    waiting.append((plain.__code__, plain.__globals__))


def parts(named: Any) -> Iterable[Any]:
    """What can be called of something: a class's methods, a table's entries, or itself."""
    if inspect.isclass(named):
        return vars(named).values()
    return named.values() if isinstance(named, Mapping) else [named]


def depending(name: str) -> set[str]:
    """What reads the viewer at or beneath a subscription."""
    return {found for found, field in beneath(name, SUBSCRIPTIONS[name]).items() if reads_the_viewer(field)}


def test_nothing_beneath_what_everybody_shares_reads_the_viewer() -> None:
    shared = [name for name in SUBSCRIPTIONS if sharing_of(CORE, name) is Sharing.EVERYBODY]
    assert shared == ["stockUpdates"]
    assert {name: depending(name) for name in shared} == {"stockUpdates": set()}


def test_whatever_else_reads_the_viewer_is_found() -> None:
    assert {"notifications", "Notification.order"} <= depending("notifications")
    assert "orderUpdates" in depending("orderUpdates")
    assert {"sales", "Sale.listing"} <= depending("sales")
    assert CORE.query_type is not None
    reading = {name for name, field in CORE.query_type.fields.items() if reads_the_viewer(field)}
    assert {"me", "order", "node"} <= reading
    assert not reading & {"book", "books", "seller"}
