"""Shared executions: those who watch the same are one group, for which each event is executed and written once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson
from graphql import GraphQLError
from strawberry.schema import BaseSchema
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from graph.auth import Viewer
from graph.context import Context, Services
from graph.deadline import at_work_for
from graph.errors import TIMEOUT_MESSAGE, Code, masked, refusal
from graph.live import To
from graph.sharing import Request, Sharing
from graph.tally import Tally
from kernel.logging import correlated, log

AT_A_TIME = 500
"""So many members are written to before others have their turn."""
FOREVER = datetime.max.replace(tzinfo=UTC)

_log = log(__name__)


@dataclass(frozen=True, slots=True)
class Frame:
    """What all members are told, in the same bytes; of two that wait under one key the newer one counts."""

    kind: str
    """`next`, or what ends the operation: `error` or `complete`."""
    tail: bytes
    """What follows the client's own head."""
    key: Hashable


COMPLETE = Frame("complete", b"}", "complete")


class Member(Protocol):
    """One subscription of a group."""

    def offer(self, frame: Frame) -> None:
        """Send it, or keep it until it can be sent; raises nothing and waits for nobody."""
        ...


class ViewerRead(RuntimeError):
    """What is executed for everybody asked who the viewer is."""


class EverybodysContext(Context):
    """The context of an execution that is shared by everybody: it has no viewer, and says so to whoever asks."""

    @property
    def viewer(self) -> Viewer | None:
        raise ViewerRead("this is executed for everybody, so nothing may depend on the viewer")

    @viewer.setter
    def viewer(self, viewer: Viewer | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        pass

    @property
    def asker(self) -> Hashable:
        return "everybody"


class Groups:
    """The groups of a process."""

    def __init__(self, services: Services, schema: BaseSchema) -> None:
        self._services = services
        self._schema = schema
        self._groups: dict[Hashable, Group] = {}
        self._of_askers = Tally(services.limits.groups_per_asker)

    def has_room(self, request: Request, viewer: Viewer | None, asker: Hashable) -> bool:
        """Whether this may be watched: there is a group of it, or whoever asks may have one more."""
        return _key(request, viewer) in self._groups or self._of_askers.has_room(asker)

    def join(self, request: Request, viewer: Viewer | None, member: Member, asker: Hashable = None) -> Group:
        """The group of all who ask for the same, of which `member` is one now; it counts for whoever was first."""
        key = _key(request, viewer)
        group = self._groups.get(key)
        if group is None:
            kind = EverybodysContext if request.sharing is Sharing.EVERYBODY else Context
            context = kind.of(self._services, _shared_by(request, viewer))
            group = Group(self._schema, request, context, lambda: self._forget(key, asker))
            self._groups[key] = group
            self._of_askers.add(asker)
        group.join(member)
        return group

    def members(self) -> list[int]:
        """How many members each group has."""
        return [group.size() for group in self._groups.values()]

    def _forget(self, key: Hashable, asker: Hashable) -> None:
        del self._groups[key]
        self._of_askers.remove(asker)


def _shared_by(request: Request, viewer: Viewer | None) -> Viewer | None:
    """The viewer for whom it is executed, None for everybody."""
    if viewer is None or request.sharing is Sharing.EVERYBODY:
        return None
    # Tokens of one viewer end at different times, which ends their sockets and not the group.
    return replace(viewer, expires_at=FOREVER)


def _key(request: Request, viewer: Viewer | None) -> Hashable:
    return (request.key, _shared_by(request, viewer))


class Group:
    """Runs one subscription for all its members; fulfils the hub's Audience."""

    def __init__(self, schema: BaseSchema, request: Request, context: Context, forget: Callable[[], None]) -> None:
        self._schema = schema
        self.request = request
        self._context = context
        context.audience = self
        self._forget = forget
        self._come: Callable[[], None] | None = None
        self._waiting: dict[Member, None] = {}
        self._new: dict[Member, None] = {}
        self._present: dict[Member, None] = {}
        self._addressed: tuple[Member, ...] = ()
        self._key: Hashable = None
        self._open = True
        self._running = asyncio.create_task(self._run())

    def join(self, member: Member) -> None:
        """One member more, whose snapshot is read now."""
        self._waiting[member] = None
        if self._come:
            self._come()

    def leave(self, member: Member) -> None:
        """One member less; the last one ends the group."""
        for members in (self._waiting, self._new, self._present):
            members.pop(member, None)
        if self._open and not self.size():
            self._close()
            self._running.cancel()

    def size(self) -> int:
        return len(self._waiting) + len(self._new) + len(self._present)

    def await_more(self, come: Callable[[], None]) -> None:
        self._come = come

    def admit(self) -> None:
        self._new.update(self._waiting)
        self._waiting.clear()

    def address(self, whom: To, thing: Hashable = None) -> bool:
        match whom:
            case To.PRESENT:
                self._addressed = tuple(self._present)
            case To.NEW:
                self._addressed = tuple(self._new)
            case To.ALL:
                self._addressed = self._everybody()
        self._key = (whom is To.PRESENT, thing)
        return bool(self._addressed)

    def settle(self) -> None:
        self._present.update(self._new)
        self._new.clear()

    def dismiss(self) -> None:
        for member in tuple(self._new):
            member.offer(COMPLETE)
            self.leave(member)

    async def _run(self) -> None:
        last = COMPLETE
        try:
            with correlated(None):
                last = await self._last()
        finally:
            # Whoever was last to leave has closed it already.
            members = self._everybody()
            if self._open:
                self._close()
            for member in members:
                member.offer(last)

    async def _last(self) -> Frame:
        """Execute until the end; what whoever is left then is told."""
        try:
            async with at_work_for(self._context.limits.query_seconds):
                return await self._execute()
        except TimeoutError:
            return _error([refusal(Code.TIMEOUT, TIMEOUT_MESSAGE)])
        except Exception:
            _log.exception("shared_subscription_failed")
            return _error([masked()])

    async def _execute(self) -> Frame:
        """Send each result to whom it is for; what ends the operation of whoever is left then."""
        request = self.request
        stream: Any = await self._schema.stream(
            request.query,
            variable_values=request.variables,
            context_value=self._context,
            operation_name=request.name,
        )
        async with aclosing(stream):
            async for result in stream:
                if isinstance(result, PreExecutionError):
                    return _error(result.errors or ())
                await self._send(Frame("next", _tail(result), self._key))
        return COMPLETE

    async def _send(self, frame: Frame) -> None:
        members = self._addressed
        for start in range(0, len(members), AT_A_TIME):
            if start:
                await asyncio.sleep(0)
            for member in members[start : start + AT_A_TIME]:
                member.offer(frame)

    def _everybody(self) -> tuple[Member, ...]:
        return (*self._present, *self._new, *self._waiting)

    def _close(self) -> None:
        """Take nobody in any more."""
        self._open = False
        self._forget()


def _error(errors: Sequence[GraphQLError]) -> Frame:
    payload = orjson.dumps([error.formatted for error in errors])
    return Frame("error", b',"payload":' + payload + b"}", "error")


def _tail(result: ExecutionResult) -> bytes:
    payload: dict[str, Any] = {"data": result.data}
    if result.errors:
        payload["errors"] = [error.formatted for error in result.errors]
    if result.extensions:
        payload["extensions"] = result.extensions
    return orjson.dumps(payload) + b"}"
