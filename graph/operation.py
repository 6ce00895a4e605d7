"""Which of a document's operations is meant, and how it is called in a log line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from graphql import OperationDefinitionNode
from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from graph.errors import Code, refusal
from graph.names import NAME_LENGTH

_WORD = rf"[_A-Za-z][_0-9A-Za-z]{{0,{NAME_LENGTH - 1}}}"
_NAMED = re.compile(rf"\b(?:query|mutation|subscription)\s+({_WORD})\b")
_NAME = re.compile(_WORD)


def is_operation_name(text: str) -> bool:
    """Whether an operation can be called so."""
    return _NAME.fullmatch(text) is not None


def operation_label(document: str, name: str | None) -> str | None:
    """The operation's name: the one that was asked for, or else the first of the document, None without one."""
    if name is not None:
        return name if is_operation_name(name) else None
    named = _NAMED.search(document)
    return named[1] if named else None


LASTS: ContextVar[Callable[[], object] | None] = ContextVar("lasts", default=None)
"""What is to be called when the operation of this task turns out to run for as long as its client likes."""


class LetSubscriptionsRun(SchemaExtension):
    """Says of a subscription that it lasts."""

    def on_execute(self) -> Iterator[None]:
        lasts = LASTS.get()
        if lasts is not None and self.execution_context.operation_type is OperationType.SUBSCRIPTION:
            lasts()
        yield


class MeanOneOperation(SchemaExtension):
    """Refuses a document of several operations when none is named, where Strawberry would run the first.

    It has to come after ExamineDocument, whose verdict it adds to.
    """

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        definitions = context.graphql_document.definitions if context.graphql_document else ()
        operations = sum(isinstance(definition, OperationDefinitionNode) for definition in definitions)
        if operations > 1 and context._provided_operation_name is None and not context.pre_execution_errors:
            message = "Say by `operationName` which of the document's operations is meant."
            context.pre_execution_errors = [refusal(Code.BAD_REQUEST, message)]
        yield
