"""Structured log lines, and what runs from a request through every event it causes: correlation id and trace."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from kernel.ids import new_id
from kernel.trace import trace_id

# Local variables hold addresses and names, so a traceback shows none.
_TRACEBACKS = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False, max_frames=20))

_correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")
_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)


def correlation_id() -> str:
    """The id of the request or event that is being worked on; a fresh one where there is none."""
    return _correlation_id.get() or str(new_id())


def traceparent() -> str | None:
    """The trace context of the request or event that is being worked on, as whoever sent it gave it."""
    return _traceparent.get()


@contextmanager
def correlated(identifier: str | None, traceparent: str | None = None) -> Iterator[str]:
    """Everything inside belongs to the request or event with this id (a fresh one for None) and this trace."""
    identifier = identifier or str(new_id())
    token, trace = _correlation_id.set(identifier), _traceparent.set(traceparent)
    try:
        yield identifier
    finally:
        _correlation_id.reset(token)
        _traceparent.reset(trace)


def log(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module; its lines carry the correlation id. Nothing personal goes into one."""
    return structlog.get_logger(module=name)


def configure_logging(*, level: str = "INFO", json: bool = True) -> None:
    """Log lines to stderr: JSON for machines, or aligned text for people; all that is warned of looks the same."""
    shape = [_TRACEBACKS, structlog.processors.JSONRenderer()] if json else [_essentials_first, _for_people()]
    origin = [
        _add_correlation,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if json else "%H:%M:%S", utc=json),
    ]
    structlog.configure(
        processors=[*origin, *shape],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*origin, _name_library],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shape],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(True)


def _for_people() -> structlog.typing.Processor:
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        exception_formatter=structlog.dev.plain_traceback,
        pad_event_to=0,
        pad_level=False,
        sort_keys=False,
    )


def _essentials_first(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for name in ("correlation_id", "trace_id", "module"):
        if name in event:
            event[name] = event.pop(name)
    return event


def _add_correlation(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if identifier := _correlation_id.get():
        event["correlation_id"] = identifier
    if given := _traceparent.get():
        event["trace_id"] = trace_id(given)
    return event


def _name_library(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event["module"] = event["_record"].name
    return event
