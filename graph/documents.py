"""Parses a document, measures it against the limits, validates it, and remembers all that while it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from cachetools import LRUCache
from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    Token,
    parse,
    print_ast,
    separate_operations,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from graph.cost import Measure, Measured, TooDeep, measured
from graph.errors import Code, refusal
from graph.limits import CACHED_DOCUMENTS_BYTES, NEW_DOCUMENTS_BYTES, SEEN_DOCUMENTS, Limits
from graph.names import long_name
from graph.turns import Turns

INTROSPECTIONS = 2
"""How often an operation may ask for the schema or for a type of it."""
INTROSPECTION_DEPTH = 1
"""How deep the lists of types may lie in each other there; what tools ask has them side by side."""
INTROSPECTION_ALIASES = 0
LARGEST = 2**53 - 1
MOST_ERRORS = 20
"""So many are told of a document that is not valid; to find what each wrong name may have meant takes its time."""
Rules = tuple[type[ASTValidationRule], ...]

STRAWBERRY_RULES = (MaybeNullValidationRule, OneOfInputValidationRule)
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
    _texts: dict[str | None, str] = field(default_factory=dict)

    def text_of(self, name: str | None) -> str:
        """An operation with what it spreads, and nothing else, in the one way in which it can be printed."""
        if name not in self._texts:
            self._texts[name] = print_ast(separate_operations(self.document)[name or ""])
        return self._texts[name]


def _bytes_of(examined: Examined) -> int:
    """What a document takes, about: each of its tokens with its place, and the text."""
    document = examined.document
    return (document.token_count or 0) * TOKEN_BYTES + (document.loc.end if document.loc else 0)


class Documents:
    """The documents that a process knows, each parsed, measured and validated once while it is asked for."""

    def __init__(self, turns: Turns | None = None) -> None:
        self.turns = turns or Turns()
        """Held by the one request whose document is examined, or tells of the schema: neither waits for anything."""
        self._known: LRUCache[tuple[str, Bounds], Examined] = LRUCache(CACHED_DOCUMENTS_BYTES, getsizeof=_bytes_of)
        self._new: LRUCache[tuple[str, Bounds], Examined] = LRUCache(NEW_DOCUMENTS_BYTES, getsizeof=_bytes_of)
        self._seen: LRUCache[int, None] = LRUCache(SEEN_DOCUMENTS)

    def remembered(self, text: str, bounds: Bounds) -> Examined | None:
        """What `examine` said of this document; None if it found something wrong, or has not been asked lately."""
        return self._known.get((text, bounds)) or self._new.get((text, bounds))

    def examined(self, schema: GraphQLSchema, text: str, bounds: Bounds, rules: Rules = specified_rules) -> Examined:
        """What `examine` says of this document; raises GraphQLSyntaxError."""
        examined = self.remembered(text, bounds)
        if examined is None:
            examined = examine(schema, text, bounds, rules)
            if not examined.errors:
                self._keep(text, bounds, examined)
        return examined

    async def examined_in_turn(
        self, schema: GraphQLSchema, text: str, bounds: Bounds, asker: Hashable, rules: Rules = specified_rules
    ) -> Examined:
        """The same for one new document at a time: between two of them everybody else has a turn."""
        if examined := self.remembered(text, bounds):
            return examined
        async with self.turns.of(asker):
            await asyncio.sleep(0)
            return self.examined(schema, text, bounds, rules)

    def _keep(self, text: str, bounds: Bounds, examined: Examined) -> None:
        """For a moment what is new, longer what comes again: what is sent once takes no place of what is asked for."""
        seen = hash((text, bounds))
        kept = self._known if seen in self._seen else self._new
        self._seen[seen] = None
        if _bytes_of(examined) <= kept.maxsize:
            kept[text, bounds] = examined


def examine(schema: GraphQLSchema, text: str, bounds: Bounds, rules: Rules = specified_rules) -> Examined:
    """Everything that can be said of a document without its variables; raises GraphQLSyntaxError.

    Validating takes time that grows with the square of what is repeated, so what is beyond a limit is not validated.
    """
    document = parse(text, max_tokens=bounds.tokens)
    too_long = long_name(document)
    _part_tokens(document)
    if too_long:
        return Examined(document, [too_long], {})
    try:
        operations = measured(schema, document)
        errors = [error for operation in operations.values() for error in _beyond_bounds(operation.measure, bounds)]
        return Examined(document, errors or _validated(schema, document, bounds, rules), operations)
    except (TooDeep, RecursionError):
        message = "The document's parts lie too deep in each other."
        return Examined(document, [refusal(Code.GRAPHQL_VALIDATION_FAILED, message)], {})


def _part_tokens(document: DocumentNode) -> None:
    """Undo the chain of the document's tokens, of which each holds the one before it and the one after it.

    Nothing needs it any more, and it would keep what is forgotten of documents until all garbage is collected.
    """
    assert document.loc is not None
    token: Token | None = document.loc.start_token
    while token is not None:
        following, token.prev, token.next = token.next, None, None
        token = following


def _validated(schema: GraphQLSchema, document: DocumentNode, bounds: Bounds, rules: Rules) -> list[GraphQLError]:
    """What the rules of GraphQL say; a number that Python does not read is no bug of ours."""
    return [
        refusal(Code.GRAPHQL_VALIDATION_FAILED, "A number has too many digits.")
        if isinstance(error.original_error, ValueError) and not isinstance(error.original_error, GraphQLError)
        else error
        for error in validate(
            schema,
            document,
            (*rules, *STRAWBERRY_RULES),
            max_errors=MOST_ERRORS,
            hide_suggestions=not bounds.introspection,
        )
    ]


def _beyond_bounds(measure: Measure, bounds: Bounds) -> Iterator[GraphQLError]:
    if measure.introspections and not bounds.introspection:
        yield refusal(Code.GRAPHQL_VALIDATION_FAILED, "This server does not tell its schema.")
    yield from beyond("introspections", measure.introspections, INTROSPECTIONS)
    yield from beyond("introspection depth", measure.introspection_depth, INTROSPECTION_DEPTH)
    yield from beyond("introspection aliases", measure.introspection_aliases, INTROSPECTION_ALIASES)
    yield from beyond("depth", measure.depth, bounds.depth)
    yield from beyond("aliases", measure.aliases, bounds.aliases)
    yield from beyond("root fields", measure.fields, bounds.root_fields)
    yield from beyond("directives", measure.directives, bounds.directives)
    yield from beyond("repeated fields", measure.repeated() // 10, bounds.repeats)


def beyond(what: str, found: int, limit: int) -> Iterator[GraphQLError]:
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
