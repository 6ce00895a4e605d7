"""Costly queries take turns: few at a time are executed in a process, so that others wait for those at most.

What a query reads is turned into its answer without a pause, 20 us for each object of it: as many as strangers send,
each of which costs all that one may, would keep everybody else waiting for seconds. It is not one at a time, since each
waits for databases too. Mutations take no turns, since they may wait for a payment provider.

Introspection costs nothing, so that every tool can ask for the whole schema; it takes 40 ms and waits for nothing, as
the examination of a document does, with which it has its turns.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Final

from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from graph.context import Context

COSTLY: Final = 500
"""What a query costs that has to wait for its turn."""


class TakeTurns(SchemaExtension):
    """Executes a query in its turn; the time that an operation has goes on meanwhile."""

    async def on_execute(self) -> AsyncIterator[None]:
        context: Context = self.execution_context.context
        async with AsyncExitStack() as held:
            if self.execution_context.operation_type is OperationType.QUERY:
                if context.costly:
                    await held.enter_async_context(context.costly_turns.of(context.asker))
                elif context.introspects:
                    await held.enter_async_context(context.documents.turns.of(context.asker))
            yield
