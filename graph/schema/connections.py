"""Relay connections over the pages that the domains give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

import strawberry

from graph.errors import Code, refusal
from graph.sizes import ON_A_PAGE
from kernel.pages import PAGE_LIMIT, PAGE_SIZE, Page, PageRequest, decode_cursor, encode_cursor

T = TypeVar("T")
V = TypeVar("V")

First = Annotated[int | None, strawberry.argument(description="How many to give, 1 to 100.")]
After = Annotated[str | None, strawberry.argument(description="Give those that follow this cursor.")]


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more follow.")
    has_previous_page: bool = strawberry.field(description="Whether some were skipped by `after`.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first one of this page.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last one: the `after` of the next page.")


@strawberry.type(description="One of a list, with its place in it.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(description="Where it lies in the list.")
    node: T = strawberry.field(description="What lies there.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(
        description="What is on this page, each with its cursor.", metadata=ON_A_PAGE
    )
    nodes: list[T] = strawberry.field(description="What is on this page, without the cursors.", metadata=ON_A_PAGE)
    page_info: PageInfo = strawberry.field(description="How to go on.")


def page_request(first: int | None, after: str | None) -> PageRequest:
    """The page that a client asks for; raises BAD_USER_INPUT."""
    size = PAGE_SIZE if first is None else first
    if not 1 <= size <= PAGE_LIMIT:
        raise refusal(Code.BAD_USER_INPUT, f"`first` must be between 1 and {PAGE_LIMIT}.")
    return PageRequest(first=size, after=after)


def connect(page: Page[V], request: PageRequest, show: Callable[[V], T]) -> Connection[T]:
    """A domain's page as a connection of what `show` makes of its items."""
    nodes = [show(item) for item in page.items]
    cursors = list(page.cursors)
    return Connection(
        edges=[Edge(cursor=cursor, node=node) for cursor, node in zip(cursors, nodes, strict=True)],
        nodes=nodes,
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=request.after is not None,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        ),
    )


def empty_page() -> Page:
    """A page of a list that has nothing in it."""
    return Page(items=(), cursors=(), has_next=False)


def page_of(items: Sequence[V], request: PageRequest, key: Callable[[V], tuple[int, str]]) -> Page[V]:
    """A page of a list that is here as a whole, sorted by `key`; raises InvalidCursor."""
    if request.after is not None:
        last = decode_cursor(request.after, int, str)
        items = [item for item in items if key(item) > last]
    shown = items[: request.first]
    return Page(items=shown, cursors=[encode_cursor(*key(item)) for item in shown], has_next=len(items) > len(shown))
