"""What has a global id."""

from __future__ import annotations

import strawberry


@strawberry.interface(description="Something with an id of its own that can be fetched again by `node(id:)`.")
class Node:
    id: strawberry.ID = strawberry.field(description="Its global id; take it as it is and read nothing out of it.")
