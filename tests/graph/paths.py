"""Where the `path` of an error leads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from graphql import GraphQLInputObjectType, get_named_type


def leads_into(given: GraphQLInputObjectType, path: Sequence[str]) -> bool:
    """Whether a path, without the name of the argument, leads to a field of an input; places in lists are numbers."""
    kind: Any = given
    for step in path:
        if step.isdecimal():
            continue
        if not isinstance(kind, GraphQLInputObjectType) or step not in kind.fields:
            return False
        kind = get_named_type(kind.fields[step].type)
    return True


def paths_in(answer: Any) -> Iterator[list[str]]:
    """The path of every error in what a mutation answered."""
    if isinstance(answer, dict):
        if isinstance(answer.get("path"), list):
            yield answer["path"]
        for part in answer.values():
            yield from paths_in(part)
    elif isinstance(answer, list):
        for part in answer:
            yield from paths_in(part)
