"""Which of a document's operations is meant, and how it is called in a log line."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextvars import ContextVar

from graphql import OperationDefinitionNode
from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from graph.errors import Code, refusal

_NAMED = re.compile(r"\b(?:query|mutation|subscription)\s+([_A-Za-z][_0-9A-Za-z]{0,63})\b")
_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")


def is_operation_name(text: str) -> bool:
    """Whether an operation can be called so."""
    return _NAME.fullmatch(text) is not None


def operation_label(document: str, name: str | None) -> str | None:
    """The operation's name: the one that was asked for, or else the first of the document, None without one."""
    if name is not None:
        return name if is_operation_name(name) else None
    named = _NAMED.search(document)
    return named[1] if named else None


DEADLINE: ContextVar[asyncio.Timeout | None] = ContextVar("deadline", default=None)
"""When the operation of this task is broken off, where it has a task of its own."""


class LetSubscriptionsRun(SchemaExtension):
    """Takes the deadline from a subscription, which runs for as long as its client likes."""

    def on_execute(self) -> Iterator[None]:
        deadline = DEADLINE.get()
        if deadline is not None and self.execution_context.operation_type is OperationType.SUBSCRIPTION:
            deadline.reschedule(None)
        yield


class MeanOneOperation(SchemaExtension):
    """Refuses a document of several operations when none is named, where Strawberry would run the first.

    It has to come after the validation's cache, whose verdict it adds to.
    """

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        definitions = context.graphql_document.definitions if context.graphql_document else ()
        operations = sum(isinstance(definition, OperationDefinitionNode) for definition in definitions)
        if operations > 1 and context._provided_operation_name is None and not context.pre_execution_errors:
            message = "Say by `operationName` which of the document's operations is meant."
            context.pre_execution_errors = [refusal(Code.BAD_REQUEST, message)]
        yield
