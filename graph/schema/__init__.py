"""The schema: every part's queries, mutations and subscriptions, merged."""

from __future__ import annotations

import strawberry
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types.execution import PreExecutionError

from graph.costly import TakeTurns
from graph.errors import PresentErrors, is_expected, is_passing
from graph.examining import ExamineDocument
from graph.execution import Execution
from graph.operation import LetSubscriptionsRun, MeanOneOperation
from graph.schema import enums as enums
from graph.schema.cart import CartMutation
from graph.schema.catalog import CatalogMutation, CatalogQuery
from graph.schema.checkout import CheckoutMutation, CheckoutQuery
from graph.schema.inventory import InventoryMutation, InventorySubscription
from graph.schema.listings import ListingsMutation
from graph.schema.notifications import NotificationsMutation, NotificationsSubscription
from graph.schema.operators import OperatorsMutation
from graph.schema.orders import OrdersQuery, OrdersSubscription
from graph.schema.scalars import SCALARS
from graph.schema.sellers import SellersQuery, SellersSubscription
from graph.schema.undoing import UndoingMutation
from graph.schema.viewer import ViewerQuery
from kernel.logging import log

_log = log(__name__)


@strawberry.type(description="What can be asked.")
class Query(ViewerQuery, CatalogQuery, SellersQuery, OrdersQuery, CheckoutQuery):
    pass


@strawberry.type(
    description="What can be done. A failure that can be expected is a member of the answer, never a top-level error."
)
class Mutation(
    CartMutation,
    CheckoutMutation,
    UndoingMutation,
    NotificationsMutation,
    ListingsMutation,
    InventoryMutation,
    CatalogMutation,
    OperatorsMutation,
):
    pass


@strawberry.type(
    description="What can be watched, over a websocket that speaks graphql-transport-ws. Each begins with how things "
    "stand, and versions only rise: no change is missed and none comes twice."
)
class Subscription(OrdersSubscription, InventorySubscription, NotificationsSubscription, SellersSubscription):
    pass


class BookstallSchema(strawberry.Schema):
    """A schema that logs bugs and keeps quiet about what clients did wrong."""

    async def _prepare_operation_async(
        self, context: ExecutionContext, extensions_runner: SchemaExtensionsRunner
    ) -> PreExecutionError | None:
        """Take a syntax error from the extension that parses, for which Strawberry would parse once more."""
        try:
            return await super()._prepare_operation_async(context, extensions_runner)
        except GraphQLSyntaxError as error:
            context.pre_execution_errors = [error]
            return PreExecutionError(data=None, errors=[error])

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log what went wrong on our side, as it was before clients get the presentable form."""
        for error in errors:
            if is_passing(error):
                _log.warning("resolver_unavailable", path=error.path, reason=str(error.original_error))
            elif not is_expected(error):
                _log.error("resolver_failed", path=error.path, exc_info=error.original_error or error)


schema = BookstallSchema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    config=StrawberryConfig(scalar_map=SCALARS),
    execution_context_class=Execution,
    extensions=[
        PresentErrors,
        ExamineDocument,
        MeanOneOperation,
        LetSubscriptionsRun,
        TakeTurns,
    ],
)
