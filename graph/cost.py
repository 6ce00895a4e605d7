"""What an operation asks for, measured before it is executed: depth, aliases, directives, repetitions and cost.

An object costs 1 and a plain value a tenth, each with all that is selected below it and as often as its field is
declared to do its work (`graph/sizes.py`): once, as many times as the page has items that it is on, as many as its list
has at most, or as an argument has items. A list of plain values is one value. What is selected of the members of a
union is added up, whichever of them comes; `@skip` and `@include` are not looked at; introspection costs nothing. Each
fragment is measured once, however often it is spread: 22 fragments that each spread the next one twice are as cheap to
measure as 22 fields.
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
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)

from graph.sizes import OnPage, Size, declared_size, read, size_of

OBJECT_TENTHS = 10
VALUE_TENTHS = 1
DEEPEST = 100
"""Beyond this depth nothing is measured: it is too deep for any setting."""

FIRST = ("first",)
INTROSPECTION = frozenset({"__schema", "__type"})
LISTS_OF_TYPES = frozenset({"fields", "inputFields", "interfaces", "possibleTypes", "enumValues"})
"""What types list in introspection: in each other they give the whole schema for each part of it."""


class TooDeep(Exception):
    """Fields lie deeper in each other than anybody measures."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Tenths, and parts that are taken as often as a size says."""

    tenths: int = 0
    parts: tuple[tuple[Size, Cost], ...] = ()

    def plus(self, other: Cost, times: Size = 1) -> Cost:
        """This and `times` the other."""
        if isinstance(times, int) and not other.parts:
            return Cost(self.tenths + times * other.tenths, self.parts)
        return Cost(self.tenths, (*self.parts, (times, other)))

    def of(self, variables: Mapping[str, object], known: dict[int, int] | None = None) -> int:
        """The tenths for these values of the variables."""
        known = {} if known is None else known
        total = self.tenths
        for times, part in self.parts:
            if id(part) not in known:
                known[id(part)] = part.of(variables, known)
            total += known[id(part)] * (times if isinstance(times, int) else times.among(variables))
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
    introspection_aliases: int = 0
    introspection_depth: int = 0
    listed_types: int = 0
    """How deep the lists of types lie in each other, where it is introspection."""
    cost: Cost = Cost()
    paged: Cost = Cost()
    selected: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How often each field of its first level is selected, by its name in the answer and by what it weighs."""

    def add(self, other: Measure) -> None:
        """Take in what is selected at the same level."""
        self.fields += other.fields
        self.depth = max(self.depth, other.depth)
        self.aliases += other.aliases
        self.directives += other.directives
        self.repeats += other.repeats
        self.introspections += other.introspections
        self.introspection_aliases += other.introspection_aliases
        self.introspection_depth = max(self.introspection_depth, other.introspection_depth)
        self.listed_types = max(self.listed_types, other.listed_types)
        self.cost = self.cost.plus(other.cost)
        self.paged = self.paged.plus(other.paged)
        self.selected.update(other.selected)

    def repeated(self) -> int:
        """The tenths of repetitions below and on its own first level."""
        return self.repeats + sum((times - 1) * weight for (_, weight), times in self.selected.items())


@dataclass(frozen=True, slots=True)
class Measured:
    """An operation's measure, and what its variables are where a request does not give them."""

    measure: Measure
    defaults: Mapping[str, object]

    def cost(self, variables: Mapping[str, object] | None) -> int:
        """What the operation costs with these variables, rounded up."""
        return -(-self.measure.cost.of({**self.defaults, **(variables or {})}) // 10)


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
        defaults: dict[str, object] = {}
        measure.directives += len(node.directives or ())
        for variable in node.variable_definitions or ():
            measure.directives += len(variable.directives or ())
            if variable.default_value is not None:
                defaults[variable.variable.name.value] = read(variable.default_value, {})
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
            # It is deep by nature, and has no cost: what bounds it is that nothing of it is answered several times.
            whole.introspections += 1
            whole.depth = max(whole.depth, 1)
            below = self._selection(node.selection_set, None, level + 1) if node.selection_set else Measure()
            whole.introspection_aliases += below.aliases + (node.alias is not None)
            whole.introspection_depth = max(whole.introspection_depth, below.listed_types)
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
        whole.listed_types = max(whole.listed_types, below.listed_types + (name in LISTS_OF_TYPES))
        if known is not None:
            self._count(whole, node, known, below)

    def _count(self, whole: Measure, node: FieldNode, known: GraphQLField, below: Measure) -> None:
        """Add what a field costs."""
        if not is_composite_type(get_named_type(known.type)):
            whole.cost = whole.cost.plus(Cost(VALUE_TENTHS))
            return
        cost = Cost(OBJECT_TENTHS).plus(below.cost)
        if below.paged != Cost():
            cost = cost.plus(below.paged, size_of(known, node, FIRST))
        match declared_size(known):
            case None:
                whole.cost = whole.cost.plus(cost)
            case int(count):
                whole.cost = whole.cost.plus(cost, count)
            case OnPage():
                whole.paged = whole.paged.plus(cost)
            case path:
                whole.cost = whole.cost.plus(cost, size_of(known, node, path))
