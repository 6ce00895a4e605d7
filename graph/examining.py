"""The extension of the schema that examines each document before it is executed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from graphql import GraphQLError
from strawberry.extensions import SchemaExtension

from graph.context import Context
from graph.costly import COSTLY
from graph.documents import Bounds, Examined, beyond


class ExamineDocument(SchemaExtension):
    """Parses and validates once for as long as a document is remembered, and counts the cost of each request.

    One that is refused is not remembered: nobody who means well sends it again and again. Raises GraphQLSyntaxError,
    which the schema has to take.
    """

    def __init__(self) -> None:
        super().__init__()
        self._examined: Examined | None = None

    async def on_parse(self) -> AsyncIterator[None]:
        context = self.execution_context
        core, text, known = context.schema._schema, context.query or "", self._context.documents
        self._examined = examined = await known.examined_in_turn(
            core, text, Bounds.of(self._context.limits), self._context.asker, context.validation_rules
        )
        context.graphql_document = examined.document
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
        self._context.costly = cost >= COSTLY
        self._context.introspects = operation.measure.introspections > 0
        return list(beyond("cost", cost, self._context.limits.query_cost))
