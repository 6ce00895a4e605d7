"""Parses a document, measures it against the limits, validates it, and remembers all that while it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from cachetools import LRUCache
from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    parse,
    specified_rules,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from graph.context import Context
from graph.cost import Measure, Measured, TooDeep, measured
from graph.errors import Code, refusal
from graph.limits import CACHED_DOCUMENTS_BYTES, Limits

INTROSPECTIONS = 2
"""How often an operation may ask for the schema or for a type of it."""
LARGEST = 2**53 - 1
TOKEN_BYTES = 600


class Bounds(NamedTuple):
    """The limits of a document whatever its variables are."""

    tokens: int
    depth: int
    aliases: int
    root_fields: int
    directives: int
    repeats: int
    introspection: bool

    @classmethod
    def of(cls, limits: Limits) -> Self:
        """These limits' bounds."""
        return cls(
            limits.query_tokens,
            limits.query_depth,
            limits.query_aliases,
            limits.query_root_fields,
            limits.query_directives,
            limits.query_repeats,
            limits.explorable,
        )


@dataclass(frozen=True, slots=True)
class Examined:
    """A document, why it is not executed, and the measure of each of its operations."""

    document: DocumentNode
    errors: Sequence[GraphQLError]
    operations: Mapping[str | None, Measured]


def _bytes_of(examined: Examined) -> int:
    """What a document takes, about: each of its tokens with its place, and the text."""
    document = examined.document
    return (document.token_count or 0) * TOKEN_BYTES + (document.loc.end if document.loc else 0)


_known: LRUCache[tuple[str, Bounds], Examined] = LRUCache(CACHED_DOCUMENTS_BYTES, getsizeof=_bytes_of)


def remembered(
    schema: GraphQLSchema, text: str, bounds: Bounds, rules: tuple[type[ASTValidationRule], ...] = specified_rules
) -> Examined:
    """What `examine` said of this document, asked once for as long as it is remembered; raises GraphQLSyntaxError."""
    examined = _known.get((text, bounds))
    if examined is None:
        examined = examine(schema, text, bounds, rules)
        if not examined.errors and _bytes_of(examined) <= CACHED_DOCUMENTS_BYTES:
            _known[text, bounds] = examined
    return examined


class ExamineDocument(SchemaExtension):
    """Parses and validates once for as long as a document is remembered, and counts the cost of each request.

    One that is refused is not remembered: nobody who means well sends it again and again.
    """

    def __init__(self) -> None:
        super().__init__()
        self._examined: Examined | None = None

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        text, bounds = context.query or "", Bounds.of(self._context.limits)
        try:
            examined = remembered(context.schema._schema, text, bounds, context.validation_rules)
        except GraphQLSyntaxError:
            # Strawberry parses it again and tells of the error; it would not take that from an extension.
            context.parse_options["max_tokens"] = bounds.tokens
            yield
            return
        self._examined, context.graphql_document = examined, examined.document
        yield

    def on_validate(self) -> Iterator[None]:
        assert self._examined is not None
        context = self.execution_context
        errors = list(self._examined.errors)
        context.pre_execution_errors = errors or self._too_expensive(self._examined)
        yield

    @property
    def _context(self) -> Context:
        return self.execution_context.context

    def _too_expensive(self, examined: Examined) -> list[GraphQLError]:
        """Why the operation is not executed with these variables; notes what it costs."""
        name = self.execution_context.operation_name
        operation = examined.operations.get(name)
        if operation is None:
            return []
        self._context.cost = cost = operation.cost(self.execution_context.variables)
        return list(_beyond("cost", cost, self._context.limits.query_cost))


def examine(
    schema: GraphQLSchema, text: str, bounds: Bounds, rules: tuple[type[ASTValidationRule], ...] = specified_rules
) -> Examined:
    """Everything that can be said of a document without its variables; raises GraphQLSyntaxError.

    Validating takes time that grows with the square of what is repeated, so what is beyond a limit is not validated.
    """
    document = parse(text, max_tokens=bounds.tokens)
    try:
        operations = measured(schema, document)
        errors = [error for operation in operations.values() for error in _beyond_bounds(operation.measure, bounds)]
        return Examined(document, errors or _validated(schema, document, rules), operations)
    except (TooDeep, RecursionError):
        message = "The document's parts lie too deep in each other."
        return Examined(document, [refusal(Code.GRAPHQL_VALIDATION_FAILED, message)], {})


def _validated(
    schema: GraphQLSchema, document: DocumentNode, rules: tuple[type[ASTValidationRule], ...]
) -> list[GraphQLError]:
    """What the rules of GraphQL say; a number that Python does not read is no bug of ours."""
    return [
        refusal(Code.GRAPHQL_VALIDATION_FAILED, "A number has too many digits.")
        if isinstance(error.original_error, ValueError) and not isinstance(error.original_error, GraphQLError)
        else error
        for error in validate_document(schema, document, rules)
    ]


def _beyond_bounds(measure: Measure, bounds: Bounds) -> Iterator[GraphQLError]:
    if measure.introspections and not bounds.introspection:
        yield refusal(Code.GRAPHQL_VALIDATION_FAILED, "This server does not tell its schema.")
    yield from _beyond("introspections", measure.introspections, INTROSPECTIONS)
    yield from _beyond("depth", measure.depth, bounds.depth)
    yield from _beyond("aliases", measure.aliases, bounds.aliases)
    yield from _beyond("root fields", measure.fields, bounds.root_fields)
    yield from _beyond("directives", measure.directives, bounds.directives)
    yield from _beyond("repeated fields", measure.repeated() // 10, bounds.repeats)


def _beyond(what: str, found: int, limit: int) -> Iterator[GraphQLError]:
    """The error where more was found than the limit; both are in its extensions."""
    if found > limit:
        code = Code.GRAPHQL_VALIDATION_FAILED.value
        message = f"The operation asks for too much: its {what} may be {limit} at most."
        # A number of thirty digits is none that JSON's readers can take.
        found = min(found, LARGEST)
        yield GraphQLError(message, extensions={"code": code, _name(what): found, "limit": limit})


def _name(what: str) -> str:
    first, *more = what.split()
    return first + "".join(word.capitalize() for word in more)
