"""The viewer: everything that belongs to whoever asks, and how anything is found by its global id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import strawberry

from domains.orders import OrderStatus
from graph import auth
from graph.auth import Role
from graph.context import Info
from graph.nodes import NotAnId, encode_id, split_id, uuid_of
from graph.schema.cart import Cart
from graph.schema.catalog import find_book, find_offer, find_seller
from graph.schema.connections import After, Connection, First, connect, page_request
from graph.schema.nodes import Node
from graph.schema.notifications import PREFERENCES, Notification, NotificationPreference, find_notification
from graph.schema.operators import OperatorDesk
from graph.schema.orders import Order, find_order, parts_asked
from graph.schema.sellers import SellerDesk, find_listing
from graph.sizes import at_most


@strawberry.type(description="Whoever asks, as the token says.")
class Viewer:
    id: strawberry.ID = strawberry.field(description="The viewer's own id.")
    email: str | None = strawberry.field(description="Where the viewer is written to.")
    roles: list[Role] = strawberry.field(description="What the viewer may do.")
    subject: strawberry.Private[str]

    @strawberry.field(description="What the viewer means to buy.")
    async def cart(self, info: Info) -> Cart:
        return Cart.of(await info.context.orders.cart_of(self.subject))

    @strawberry.field(description="The viewer's orders, newest first.")
    async def orders(
        self,
        info: Info,
        status: Annotated[
            OrderStatus | None, strawberry.argument(description="Only orders in this state; all if left out.")
        ] = None,
        first: First = 20,
        after: After = None,
    ) -> Connection[Order]:
        request = page_request(first, after)
        page = await info.context.orders.orders_of(self.subject, status, request, parts_asked(info))
        return connect(page, request, Order.of)

    @strawberry.field(description="Messages to the viewer, newest first.")
    async def notifications(
        self,
        info: Info,
        unread_only: Annotated[
            bool | None, strawberry.argument(description="Only those that were not read yet.")
        ] = False,
        first: First = 20,
        after: After = None,
    ) -> Connection[Notification]:
        request = page_request(first, after)
        page = await info.context.notifications.messages_of(self.subject, unread_only=bool(unread_only), page=request)
        return connect(page, request, Notification.of)

    @strawberry.field(description="How many messages are unread.")
    async def unread_notifications(self, info: Info) -> int:
        return await info.context.notifications.unread_count(self.subject)

    @strawberry.field(
        description="What the viewer wants to hear of: every kind on every channel.", metadata=at_most(PREFERENCES)
    )
    async def preferences(self, info: Info) -> list[NotificationPreference]:
        preferences = await info.context.notifications.preferences_of(self.subject)
        return [NotificationPreference.of(preference) for preference in preferences]

    @strawberry.field(description="The viewer's desk as a seller; null without the role SELLER.")
    async def selling(self, info: Info) -> SellerDesk | None:
        if Role.SELLER not in self.roles:
            return None
        return SellerDesk(own=await info.context.sellers.seller_of(self.subject))

    @strawberry.field(description="The viewer's desk as an operator; null without the role OPERATOR.")
    def operating(self) -> OperatorDesk | None:
        return OperatorDesk() if Role.OPERATOR in self.roles else None

    @classmethod
    def of(cls, viewer: auth.Viewer) -> Viewer:
        """The viewer that a token stands for."""
        return cls(
            id=strawberry.ID(encode_id("Viewer", viewer.subject)),
            email=viewer.email,
            roles=[role for role in Role if role in viewer.roles],
            subject=viewer.subject,
        )


async def _book(info: Info, key: str) -> Node | None:
    return await find_book(info, key)


async def _offer(info: Info, key: str) -> Node | None:
    return await find_offer(info, uuid_of(key))


async def _seller(info: Info, key: str) -> Node | None:
    return await find_seller(info, uuid_of(key))


async def _order(info: Info, key: str) -> Node | None:
    return await find_order(info, uuid_of(key))


async def _listing(info: Info, key: str) -> Node | None:
    return await find_listing(info, uuid_of(key))


async def _notification(info: Info, key: str) -> Node | None:
    return await find_notification(info, uuid_of(key))


_FINDERS: dict[str, Callable[[Info, str], Awaitable[Node | None]]] = {
    "Book": _book,
    "Offer": _offer,
    "Seller": _seller,
    "Order": _order,
    "Listing": _listing,
    "Notification": _notification,
}


@strawberry.type
class ViewerQuery:
    @strawberry.field(
        description="Whoever asks. Needs a token, as does everything that is not said to be open to everybody."
    )
    def me(self, info: Info) -> Viewer | None:
        return Viewer.of(info.context.require_viewer())

    @strawberry.field(
        description="Anything by its global id; null if there is no such thing, or if it belongs to somebody else."
    )
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The global id.")]
    ) -> Node | None:
        try:
            kind, key = split_id(id)
            find = _FINDERS.get(kind)
            return None if find is None else await find(info, key)
        except NotAnId:
            return None
