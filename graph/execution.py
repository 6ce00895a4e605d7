"""How the events of a subscription are executed: nothing of one is kept when it has been told."""

from __future__ import annotations

from typing import Any

from graphql import Executor
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext


class Execution(StrawberryGraphQLCoreExecutionContext):
    """An execution whose events share what does not change, and no more."""

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        """The execution of one event.

        graphql-core remembers by each event's own objects what is selected beneath them, in one memory for all events,
        so that a subscription would grow for as long as it lasts.
        """
        execution = super().build_per_event_executor(payload)
        execution._relevant_sub_fields = {}
        return execution
