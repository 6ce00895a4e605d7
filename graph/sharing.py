"""Which subscriptions may share one execution: those that ask for the same, and may see the same."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_variable_values,
)
from strawberry.schema import BaseSchema
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graph.documents import Examined


class Sharing(StrEnum):
    """Whose subscriptions to a field share executions."""

    VIEWER = "viewer"
    """Those of one viewer."""
    EVERYBODY = "everybody"
    """Everybody's: nothing beneath the field may depend on who asks."""


SHARING: Final = "sharing"
SHARED_BY_VIEWER: Final = {SHARING: Sharing.VIEWER}
SHARED_BY_EVERYBODY: Final = {SHARING: Sharing.EVERYBODY}
"""What a subscription field is declared with; one that says nothing is executed for each subscriber alone."""


@dataclass(frozen=True, slots=True)
class Request:
    """A subscription that can be shared."""

    query: str
    variables: dict[str, Any] | None
    name: str | None
    sharing: Sharing
    key: Hashable
    """Two requests are the same exactly where this is: the document, the operation, the variables as they are taken."""


def sharing_of(schema: GraphQLSchema, field: str) -> Sharing | None:
    """What a subscription field is declared with."""
    found = schema.subscription_type and schema.subscription_type.fields.get(field)
    definition = found and found.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return definition.metadata.get(SHARING) if definition else None


def shareable(
    schema: BaseSchema, examined: Examined, most: int, query: str, variables: dict[str, Any] | None, name: str | None
) -> Request | None:
    """The request, unless its execution is nothing to share: not valid, no subscription, not declared so, too dear.

    `examined` is its document, and `most` what it may cost.
    """
    core: GraphQLSchema = schema._schema  # type: ignore[attr-defined]
    operation = None if examined.errors else _operation(examined.document, name)
    if operation is None or operation.operation is not OperationType.SUBSCRIPTION:
        return None
    fields = set(_root_fields(examined.document, operation.selection_set))
    sharing = sharing_of(core, fields.pop()) if len(fields) == 1 else None
    meant = operation.name.value if operation.name else None
    measured = examined.operations.get(meant)
    if sharing is None or measured is None or measured.cost(variables or {}) > most:
        return None
    key = _key(core, operation, variables or {})
    return None if key is None else Request(query, variables, name, sharing, (examined.text_of(meant), key))


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    """The operation that is meant, None unless exactly one is."""
    found = [
        node
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode) and (name is None or (node.name and node.name.value == name))
    ]
    return found[0] if len(found) == 1 else None


def _root_fields(document: DocumentNode, selections: SelectionSetNode) -> Iterator[str]:
    """The names of the fields of the first level, those in fragments too; the document is valid, so none is a cycle."""
    for node in selections.selections:
        match node:
            case FieldNode():
                yield node.name.value
            case InlineFragmentNode():
                yield from _root_fields(document, node.selection_set)
            case FragmentSpreadNode():
                for definition in document.definitions:
                    if isinstance(definition, FragmentDefinitionNode) and definition.name.value == node.name.value:
                        yield from _root_fields(document, definition.selection_set)


def _key(schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> bytes | None:
    """The variables as execution takes them, defaults filled in; None where it does not take them.

    One that is left out differs from one that is null, as it does for execution.
    """
    values = get_variable_values(schema, operation.variable_definitions or (), dict(variables), max_errors=1)
    if isinstance(values, list):
        return None
    try:
        return orjson.dumps(values.coerced, default=repr, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError):
        return None
