"""What clients were promised: the schema of the last release, against the one that is served."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from graphql import (
    DangerousChangeType,
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    find_breaking_changes,
    find_dangerous_changes,
    get_named_type,
)

DATE = re.compile(r"\b20\d\d-[01]\d-[0-3]\d\b")
_SILENT = frozenset({DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE})
"""What no client is refused for, and all get another answer to the same question."""


def broken_promises(released: str, served: str) -> list[str]:
    """What of a released schema the served one does not keep, but for what the released one said would go."""
    promised, now = build_schema(released), build_schema(served)
    for kind in promised.type_map.values():
        _forget_deprecated(kind)
    left = set(_reachable(promised))
    for name in [name for name, kind in promised.type_map.items() if _is_own(kind) and name not in left]:
        del promised.type_map[name]
    silent = [change for change in find_dangerous_changes(promised, now) if change.type in _SILENT]
    return sorted(change.description for change in (*find_breaking_changes(promised, now), *silent))


def undated_deprecations(served: str) -> list[str]:
    """What is deprecated without saying in a date since when, or until when it stays."""
    return [
        f"{place} is deprecated without a date in its reason."
        for kind in build_schema(served).type_map.values()
        for place, reason in _deprecations(kind)
        if DATE.search(reason) is None
    ]


def _deprecations(kind: GraphQLNamedType) -> Iterator[tuple[str, str]]:
    """What of a type is deprecated, and why."""
    for name, part in {**_fields(kind), **_values(kind)}.items():
        if part.deprecation_reason is not None:
            yield f"{kind.name}.{name}", part.deprecation_reason
        for given, argument in getattr(part, "args", {}).items():
            if argument.deprecation_reason is not None:
                yield f"{kind.name}.{name}({given}:)", argument.deprecation_reason


def _forget_deprecated(kind: GraphQLNamedType) -> None:
    for parts in (_fields(kind), _values(kind), *(getattr(part, "args", {}) for part in _fields(kind).values())):
        for name in [name for name, part in parts.items() if part.deprecation_reason is not None]:
            del parts[name]


def _reachable(schema: GraphQLSchema) -> Iterator[str]:
    """The names of the types that an operation can come to."""
    seen = set[str]()
    waiting = [kind for kind in (schema.query_type, schema.mutation_type, schema.subscription_type) if kind]
    while waiting:
        kind: Any = waiting.pop()
        if kind.name in seen:
            continue
        seen.add(kind.name)
        yield kind.name
        for part in _fields(kind).values():
            waiting += [get_named_type(one.type) for one in (part, *getattr(part, "args", {}).values())]
        if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            waiting += schema.get_possible_types(kind)
        waiting += getattr(kind, "interfaces", ())


def _fields(kind: GraphQLNamedType) -> dict[str, Any]:
    return getattr(kind, "fields", {})


def _values(kind: GraphQLNamedType) -> dict[str, Any]:
    return kind.values if isinstance(kind, GraphQLEnumType) else {}


def _is_own(kind: GraphQLNamedType) -> bool:
    return kind.ast_node is not None
