"""What a resolver has at hand: the five services, the viewer, the loaders, the hub and the operators' desk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import strawberry

from domains.catalog import CatalogService
from domains.inventory import InventoryService
from domains.notifications import NotificationsService
from domains.orders import OrdersService
from domains.sellers import SellersService
from graph.auth import Role, Viewer
from graph.documents import Documents
from graph.errors import Code, refusal
from graph.limits import Limits
from graph.live import Audience, Hub, OneAlone, Source, follow
from graph.loaders import Loaders
from graph.ports import Meter, NoMeter, NoRates, OperatorDesk, Rates
from graph.rates import NO_ADDRESS
from graph.turns import Turns

COSTLY_AT_A_TIME = 4
"""Queries that wait for a database at the same time; each may then keep everybody waiting with its answer."""


@dataclass(kw_only=True)
class Services:
    """What every request shares."""

    orders: OrdersService
    inventory: InventoryService
    catalog: CatalogService
    sellers: SellersService
    notifications: NotificationsService
    hub: Hub
    desk: OperatorDesk
    meter: Meter = field(default_factory=NoMeter)
    limits: Limits = field(default_factory=Limits)
    rates: Rates = field(default_factory=NoRates)
    documents: Documents = field(default_factory=Documents)
    costly_turns: Turns = field(default_factory=lambda: Turns(COSTLY_AT_A_TIME))
    """Held by the costly queries that are executed."""


@dataclass(kw_only=True)
class Context(Services):
    """What one request, or one websocket, has at hand; `viewer` is None for whoever came without a token."""

    viewer: Viewer | None
    address: str = NO_ADDRESS
    """From where it was asked."""
    cost: int | None = None
    """What the operation costs, once that is known."""
    costly: bool = False
    """Whether the operation, if it is a query, has to wait for its turn.

    The operations of a websocket share their context; this is read where nothing else has run since it was written.
    """
    introspects: bool = False
    """Whether it asks for the schema, which it has its turn for as well."""
    audience: Audience | None = None
    """Who shares this execution of a subscription; None where each subscriber has one alone."""

    @classmethod
    def of(cls, services: Services, viewer: Viewer | None, address: str = NO_ADDRESS) -> Self:
        """A context of these services for this viewer."""
        return cls(**vars(services), viewer=viewer, address=address)

    @property
    def asker(self) -> Hashable:
        """Whose turn it is when this request has one: the viewer's, or that of all strangers at the address."""
        return ("viewer", self.viewer.subject) if self.viewer else ("address", self.address)

    @cached_property
    def loaders(self) -> Loaders:
        """Made when first asked for: a websocket whose subscriptions are shared needs none."""
        return Loaders(catalog=self.catalog, inventory=self.inventory, orders=self.orders, sellers=self.sellers)

    def follow(self, source: Source[Any]) -> AsyncIterator[Any]:
        """The updates of a subscription to this source."""
        return follow(self.hub, source, self.audience or OneAlone())

    def require_viewer(self) -> Viewer:
        """The viewer; raises UNAUTHENTICATED where nobody signed in."""
        if self.viewer is None:
            raise refusal(Code.UNAUTHENTICATED, "Sign in first: send a token as `Authorization: Bearer …`.")
        return self.viewer

    def require_role(self, role: Role) -> Viewer:
        """The viewer, who has this role; raises UNAUTHENTICATED or FORBIDDEN."""
        viewer = self.require_viewer()
        if role not in viewer.roles:
            raise refusal(Code.FORBIDDEN, f"This needs a token with the role {role.value}.")
        return viewer


Info = strawberry.Info[Context, None]
"""What a resolver is told beside its arguments."""
