"""How often the work of a field is done: as the schema declares it, and as an operation's arguments and variables say.

Every list of objects says how long it is. Most are bounded by their domain and say the most that they can have. Four
say what is usual and more: LINES, of which an order mostly has one or two, and may have as many as a cart; TIMELINE,
which grows with the lines, sellers and refunds of an order; REFUNDS, of which an order has one or two unless an
operator gives money back bit by bit; and PROBLEMS, of which a cart has one or two for each line at worst, but carts lie
on no page that would multiply them. A list of plain values says nothing: it costs what one of them costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLInputType,
    ListValueNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    value_from_ast_untyped,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from kernel.pages import PAGE_SIZE

LINES: Final = 10
TIMELINE: Final = 20
REFUNDS: Final = 5
PROBLEMS: Final = 20

LARGEST_INT: Final = 2**31 - 1
_SIZE: Final = "size"

Path = tuple[str, ...]
"""An argument, and what lies below it."""


@dataclass(frozen=True, slots=True)
class OnPage:
    """As many as the page has that the field above gives; its `first` says how many."""


Declared = int | Path | OnPage
Metadata = Mapping[str, object]

ON_A_PAGE: Final[Metadata] = {_SIZE: OnPage()}
"""What the lists of a connection are declared with."""


def at_most(count: int) -> Metadata:
    """What a list without pages is declared with that its domain bounds."""
    return {_SIZE: count}


def about(count: int) -> Metadata:
    """What any other list without pages is declared with."""
    return {_SIZE: count}


def sized_by(argument: str, *below: str) -> Metadata:
    """What a field is declared with that does its work once for each item of an argument, or of a list below it."""
    return {_SIZE: (argument, *below)}


def declared_size(field: GraphQLField) -> Declared | None:
    """What a field is declared with; None if it says nothing."""
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return definition.metadata.get(_SIZE) if definition else None


@dataclass(frozen=True, slots=True)
class Given:
    """A size that depends on variables."""

    argument: ValueNode | None
    below: Path
    counts_items: bool

    def among(self, variables: Mapping[str, object]) -> int:
        """The size for these values of the variables."""
        value = None if self.argument is None else read(self.argument, variables)
        for name in self.below:
            value = value.get(name) if isinstance(value, dict) else None
        return _items(value) if self.counts_items else _page(value)


Size = int | Given


def size_of(field: GraphQLField, node: FieldNode, path: Path) -> Size:
    """What a selected field says by the argument at this path, which it has."""
    name, *below = path
    kind: GraphQLInputType = field.args[name].type
    for inner in below:
        kind = get_named_type(kind).fields[inner].type  # type: ignore[union-attr]
    argument = next((found.value for found in node.arguments or () if found.name.value == name), None)
    given = Given(argument, tuple(below), is_list_type(get_nullable_type(kind)))
    return given if _varies(argument) else given.among({})


def read(literal: ValueNode, variables: Mapping[str, object]) -> object:
    """The value of a literal; a number with too many digits for Python is none, and refused by the validation."""
    try:
        return value_from_ast_untyped(literal, dict(variables))
    except ValueError:
        return None


def _varies(literal: ValueNode | None) -> bool:
    match literal:
        case VariableNode():
            return True
        case ListValueNode(values=values):
            return any(_varies(value) for value in values)
        case ObjectValueNode(fields=fields):
            return any(_varies(field.value) for field in fields)
    return False


def _items(value: object) -> int:
    """How many items are meant: what is no list is taken for a list of one, and for none there is work too."""
    return max(1, len(value)) if isinstance(value, list) else 1


def _page(value: object) -> int:
    """How many a page is to have; what is no such number is refused by its field."""
    if isinstance(value, float) and value.is_integer():  # 100.0 is a whole number in JSON, and an Int
        value = int(value)
    return (value if 0 <= value <= LARGEST_INT else 0) if isinstance(value, int) else PAGE_SIZE
