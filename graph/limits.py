"""How much a client may ask for at once: each limit with its default; settings may change them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, le=3600)]

KIB = 1024


class Limits(BaseModel):
    """The limits of a gateway process; the table in docs/graphql.md tells what a client sees beyond each."""

    model_config = ConfigDict(frozen=True)

    connections: Annotated[int, Field(ge=10)] = 10_000
    """The connections that a gateway process has open, websockets too."""
    connections_per_address: Count = 1000
    """Those of them that come from one address; behind trusted proxies, its websockets."""
    stall_seconds: Seconds = 10.0
    """How long a client may leave unread what was sent to it."""
    header_bytes: Annotated[int, Field(ge=1024)] = 16 * KIB
    """The first line and the headers of a request together."""
    header_count: Annotated[int, Field(ge=10)] = 60
    """The headers of a request."""
    request_seconds: Seconds = 8.0
    """How long a request may take to arrive: its headers, and then its body."""
    body_bytes: Annotated[int, Field(ge=1024)] = 64 * KIB
    """The body of a request."""
    json_depth: Count = 32
    """How deep lists and objects lie in each other."""
    json_items: Count = 500
    """The items of a list."""
    json_digits: Annotated[int, Field(ge=20)] = 40
    """The characters of a number."""
    query_tokens: Count = 1000
    """The tokens of a document."""
    query_depth: Annotated[int, Field(ge=1, le=50)] = 10
    """How deep fields lie in each other."""
    query_aliases: Annotated[int, Field(ge=0)] = 15
    """The aliases of an operation."""
    query_root_fields: Count = 10
    """The fields of an operation's first level."""
    query_directives: Annotated[int, Field(ge=0)] = 20
    """The directives of an operation."""
    query_repeats: Annotated[int, Field(ge=0)] = 30
    """How often an operation may repeat fields, of which each is compared with each; ten values count as one object."""
    query_cost: Count = 5000
    """What an operation costs: objects, times the sizes of the pages they are on."""
    query_seconds: Seconds = 10.0
    """How long a query or a mutation may run, or a subscription work on what it tells."""
    rate_per_viewer: Annotated[int, Field(ge=0)] = 6_000
    """Requests and operations of a viewer in a minute; 0 is no limit."""
    rate_per_address: Annotated[int, Field(ge=0)] = 60_000
    """Requests, operations and handshakes of websockets from an address in a minute; 0 is no limit."""
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = 0
    """How many proxies in front of the gateway add to X-Forwarded-For; with 0 that header is not believed."""
    socket_message_bytes: Annotated[int, Field(ge=1024)] = 64 * KIB
    """A message of a websocket."""
    socket_init_seconds: Seconds = 5.0
    """How long a websocket may take to say who it is."""
    socket_operations: Count = 20
    """The operations that run on one websocket at a time."""
    operations_per_address: Count = 2000
    """The operations that run on the websockets of one address at a time, at one gateway process."""
    groups_per_asker: Count = 200
    """The different subscriptions of a viewer, or of all strangers at an address: each is executed once at a time."""
    sockets_per_viewer: Count = 50
    """The websockets that a viewer has open at one gateway process."""
    socket_messages: Annotated[int, Field(ge=10)] = 100
    """The messages that a websocket may send in a minute."""
    socket_ping_seconds: Seconds = 10.0
    """How often a silent websocket is asked whether it is there, and how long it has to answer."""
    explorable: bool = True
    """Whether GraphiQL, introspection and suggestions in error messages are on."""


CACHED_DOCUMENTS_BYTES = 16 * KIB * KIB
"""What the documents take that are kept parsed and checked: some hundreds."""
NEW_DOCUMENTS_BYTES = 4 * KIB * KIB
"""What those take of them that came once."""
SEEN_DOCUMENTS = 10_000
"""Of so many it is known that they came."""
