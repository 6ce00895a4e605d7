"""Costly queries take turns: one at a time is executed in a process, so that others wait for one of them at most.

What a query reads is turned into its answer without a pause, 20 us for each object of it: eight that cost all that one
may would keep everybody else waiting for a second. Mutations take no turns, since they may wait for a payment provider.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from graph.context import Context

COSTLY: Final = 500
"""What a query costs that has to wait for its turn."""


class TakeTurns(SchemaExtension):
    """Executes a costly query when no other one is executed; the time that an operation has goes on meanwhile.

    Introspection is one: it costs nothing, so that every tool can ask for the whole schema, which takes 40 ms.
    """

    async def on_execute(self) -> AsyncIterator[None]:
        context: Context = self.execution_context.context
        if context.costly and self.execution_context.operation_type is OperationType.QUERY:
            async with context.turn.of(context.asker):
                yield
        else:
            yield
