"""What an operation asks for, measured before it is executed: depth, aliases, directives, repetitions and cost.

Each fragment is measured once, however often it is spread: 22 fragments that each spread the next one twice are as
cheap as 22 fields. An object costs 1, a plain value a tenth; what lies on a page costs that times the page's size, and
what lies in a list that has no pages is taken LIST_SIZE times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_list_type,
)

from kernel.pages import PAGE_SIZE

LIST_SIZE = 5
OBJECT_TENTHS = 10
VALUE_TENTHS = 1
DEEPEST = 100
"""Beyond this depth nothing is measured: it is too deep for any setting."""

INTROSPECTION = frozenset({"__schema", "__type"})


class TooDeep(Exception):
    """Fields lie deeper in each other than anybody measures."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Tenths, and parts that are taken as often as a page has items; a page is a number or a variable's name."""

    tenths: int = 0
    parts: tuple[tuple[int | str, Cost], ...] = ()

    def plus(self, other: Cost, times: int | str = 1) -> Cost:
        """This and `times` the other."""
        if isinstance(times, int) and not other.parts:
            return Cost(self.tenths + times * other.tenths, self.parts)
        return Cost(self.tenths, (*self.parts, (times, other)))

    def of(self, pages: Mapping[str, int], known: dict[int, int] | None = None) -> int:
        """The tenths for these values of the variables."""
        known = {} if known is None else known
        total = self.tenths
        for times, part in self.parts:
            if id(part) not in known:
                known[id(part)] = part.of(pages, known)
            total += known[id(part)] * (times if isinstance(times, int) else pages.get(times, PAGE_SIZE))
        return total


@dataclass(slots=True)
class Measure:
    """What a selection asks for, with all that it spreads; `paged` is for each item of its page."""

    fields: int = 0
    depth: int = 0
    aliases: int = 0
    directives: int = 0
    repeats: int = 0
    introspections: int = 0
    cost: Cost = Cost()
    paged: Cost = Cost()
    selected: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How often each field of its first level is selected, by its name in the answer and by what it weighs."""

    def add(self, other: Measure, times: int | str = 1) -> None:
        """Take in what is selected at the same level."""
        self.fields += other.fields
        self.depth = max(self.depth, other.depth)
        self.aliases += other.aliases
        self.directives += other.directives
        self.repeats += other.repeats
        self.introspections += other.introspections
        self.cost = self.cost.plus(other.cost, times)
        self.paged = self.paged.plus(other.paged, times)
        self.selected.update(other.selected)

    def repeated(self) -> int:
        """The tenths of repetitions below and on its own first level."""
        return self.repeats + sum((times - 1) * weight for (_, weight), times in self.selected.items())


@dataclass(frozen=True, slots=True)
class Measured:
    """An operation's measure, and what its variables are where a request does not give them."""

    measure: Measure
    defaults: Mapping[str, int]

    def cost(self, variables: Mapping[str, object] | None) -> int:
        """What the operation costs with these variables, rounded up."""
        given = {name: _size(value) for name, value in (variables or {}).items()} if self.measure.cost.parts else {}
        return -(-self.measure.cost.of({**self.defaults, **given}) // 10)


def measured(schema: GraphQLSchema, document: DocumentNode) -> dict[str | None, Measured]:
    """The measure of each operation under its name; raises TooDeep. The document need not be valid."""
    ruler = _Ruler(schema, document)
    operations = (node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    return {node.name.value if node.name else None: ruler.operation(node) for node in operations}


class _Ruler:
    """Measures one document, each of its fragments once."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._measures: dict[str, Measure] = {}

    def operation(self, node: OperationDefinitionNode) -> Measured:
        measure = self._selection(node.selection_set, self._schema.get_root_type(node.operation), 1)
        defaults: dict[str, int] = {}
        measure.directives += len(node.directives or ())
        for variable in node.variable_definitions or ():
            measure.directives += len(variable.directives or ())
            if isinstance(variable.default_value, IntValueNode):
                defaults[variable.variable.name.value] = _number(variable.default_value)
        return Measured(measure, defaults)

    def _selection(self, selected: SelectionSetNode, parent: GraphQLNamedType | None, level: int) -> Measure:
        if level > DEEPEST:
            raise TooDeep
        whole = Measure()
        for node in selected.selections:
            match node:
                case FieldNode():
                    self._field(whole, node, parent, level)
                case InlineFragmentNode():
                    kind = self._schema.get_type(node.type_condition.name.value) if node.type_condition else parent
                    whole.add(self._selection(node.selection_set, kind, level + 1))
                case FragmentSpreadNode():
                    whole.add(self._fragment(node.name.value, level + 1))
            whole.directives += len(node.directives or ())
        return whole

    def _fragment(self, name: str, level: int) -> Measure:
        """The measure of a fragment; one that spreads itself is refused by the rules of GraphQL."""
        if name not in self._measures:
            self._measures[name] = Measure()
            if fragment := self._fragments.get(name):
                kind = self._schema.get_type(fragment.type_condition.name.value)
                self._measures[name] = measure = self._selection(fragment.selection_set, kind, level)
                measure.directives += len(fragment.directives or ())
        return self._measures[name]

    def _field(self, whole: Measure, node: FieldNode, parent: GraphQLNamedType | None, level: int) -> None:
        """Take in a field with all that lies below it."""
        name = node.name.value
        whole.fields += 1
        whole.aliases += node.alias is not None
        if name in INTROSPECTION:
            # Its depth and its lists are bounded by a rule of its own, for it is deep by nature.
            whole.introspections += 1
            whole.depth = max(whole.depth, 1)
            below = self._selection(node.selection_set, None, level + 1) if node.selection_set else Measure()
            whole.aliases += below.aliases
            whole.directives += below.directives
            whole.repeats += below.repeated()
            return
        known = getattr(parent, "fields", {}).get(name)
        below = Measure()
        weight = OBJECT_TENTHS if node.selection_set else VALUE_TENTHS
        whole.selected[node.alias.value if node.alias else name, weight] += 1
        if node.selection_set:
            below = self._selection(node.selection_set, get_named_type(known.type) if known else None, level + 1)
        whole.depth = max(whole.depth, 1 + below.depth)
        whole.aliases += below.aliases
        whole.directives += below.directives
        whole.repeats += below.repeated()
        whole.introspections += below.introspections
        if known is not None:
            self._count(whole, node, known, parent, below)

    def _count(
        self, whole: Measure, node: FieldNode, known: GraphQLField, parent: GraphQLNamedType | None, below: Measure
    ) -> None:
        """Add what a field costs."""
        kind, listed = get_named_type(known.type), _is_list(known)
        if not is_composite_type(kind):
            cost, listed = Cost(VALUE_TENTHS), False
        elif _has_pages(kind):
            cost = Cost(OBJECT_TENTHS).plus(below.cost).plus(below.paged, _page(node))
        else:
            cost = Cost(OBJECT_TENTHS).plus(below.cost).plus(below.paged, LIST_SIZE)
        if not listed:
            whole.cost = whole.cost.plus(cost)
        elif _has_pages(parent):
            whole.paged = whole.paged.plus(cost)
        else:
            whole.cost = whole.cost.plus(cost, _page(node) if "first" in known.args else LIST_SIZE)


def _has_pages(kind: GraphQLNamedType | None) -> bool:
    return kind is not None and kind.name.endswith("Connection")


def _is_list(known: GraphQLField) -> bool:
    kind = known.type
    return is_list_type(kind.of_type if isinstance(kind, GraphQLNonNull) else kind)


def _page(node: FieldNode) -> int | str:
    """How many items a field is asked for: a number, or the name of the variable that says it."""
    for argument in node.arguments or ():
        if argument.name.value == "first":
            if isinstance(argument.value, VariableNode):
                return argument.value.name.value
            return _number(argument.value) if isinstance(argument.value, IntValueNode) else PAGE_SIZE
    return PAGE_SIZE


def _number(node: IntValueNode) -> int:
    """The number, as far as it can be a page's size: what is beyond is refused by the field."""
    return max(0, int(node.value)) if len(node.value) < 10 else 0


def _size(value: object) -> int:
    """How many items a variable asks for; what is no number is refused where it is used."""
    if isinstance(value, float) and value.is_integer():  # 100.0 is a whole number in JSON, and an Int
        value = int(value)
    return max(0, value) if isinstance(value, int) else PAGE_SIZE
