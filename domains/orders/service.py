"""What others may ask of orders: carts, checkouts, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from domains.orders import attempt_repository, refund_repository, refunds, stuck, views
from domains.orders.answers import Answers
from domains.orders.cancellation import Cancellations
from domains.orders.carts import Carts
from domains.orders.checkout import Checkouts, Patience
from domains.orders.commands import AddToCart, Checkout, CheckoutOutcome, SetCartLine, stored_key
from domains.orders.errors import CannotCancel, CannotRefund, OrderNotFound, RefundNotFound, RefundTooHigh
from domains.orders.model import Cart, Order, OrderStatus, read_number
from domains.orders.operator_refunds import OperatorRefunds
from domains.orders.outcome import Outcomes, Terms
from domains.orders.payment import Outcome, RefundOutcome
from domains.orders.ports import BookTitles, PaymentProvider, StockHolds
from domains.orders.provider import BoundedProvider
from domains.orders.refund import Refund
from domains.orders.refund_commands import CancelOrder, RefundOrder, RetryRefund
from domains.orders.refund_sweep import DueRefunds
from domains.orders.running import Running
from domains.orders.stuck import StuckOrder
from domains.orders.sweep import StaleOrders
from domains.orders.views import WHOLE, Parts
from kernel.database import Database
from kernel.errors import IdempotencyKeyReused, InvalidField, Problem
from kernel.pages import Page, PageRequest

PATIENCE = Patience()


class OrdersService:
    """The orders domain: its collaborators come from outside."""

    def __init__(
        self,
        database: Database,
        stock: StockHolds,
        titles: BookTitles,
        payments: PaymentProvider,
        *,
        currency: str,
        patience: Patience = PATIENCE,
        answer_seconds: float = 8.0,
        cancel_seconds: int = 1800,
        key_hours: int = 24,
    ) -> None:
        """How long what lasts, besides the patience with an order.

        `answer_seconds`: how long whoever asks for something waits for its end before they are told what is known;
        `cancel_seconds`: how long after paying a buyer may cancel; `key_hours`: how long a key is remembered.
        """
        self._database = database
        self._carts = Carts(database, stock, titles, currency=currency)
        self._answers = Answers(database, self._carts)
        self._key_hours = key_hours
        self._patience = patience
        payments = BoundedProvider(payments, seconds=patience.charge_seconds)
        terms = Terms(
            action_seconds=patience.action_seconds,
            cancel_seconds=cancel_seconds,
            again_seconds=patience.late_seconds,
        )
        self._outcomes = Outcomes(database, stock, terms=terms)
        self._checkouts = Checkouts(
            database,
            stock,
            payments,
            carts=self._carts,
            answers=self._answers,
            outcomes=self._outcomes,
            patience=patience,
        )
        self._stale = StaleOrders(
            database, stock, payments, outcomes=self._outcomes, again_seconds=patience.late_seconds
        )
        self._cancellations = Cancellations(database, payments, self._outcomes)
        self._refunds = OperatorRefunds(database, currency=currency)
        lease_seconds = patience.charge_seconds + patience.late_seconds
        self._due_refunds = DueRefunds(database, payments, lease_seconds=lease_seconds)
        self._running = Running(answer_seconds=answer_seconds)

    # --- carts

    async def cart_of(self, buyer_id: str) -> Cart:
        """A buyer's cart, empty where there never was one."""
        return await self._carts.read(buyer_id)

    async def add_to_cart(self, command: AddToCart) -> Cart | tuple[Problem, ...]:
        """Put copies into the cart; the cart, or InvalidField, OfferGone, OwnBook."""
        return await self._carts.add(command)

    async def set_cart_line(self, command: SetCartLine) -> Cart | tuple[Problem, ...]:
        """Have so many copies in the cart, at the current price; the cart, or InvalidField, OfferGone, OwnBook."""
        return await self._carts.set_line(command)

    async def clear_cart(self, buyer_id: str) -> Cart:
        """Take everything out of the cart."""
        return await self._carts.clear(buyer_id)

    # --- checkouts

    async def checkout(self, command: Checkout) -> CheckoutOutcome:
        """Buy what is in the cart; goes on to its end also after an early answer, or when the caller is cancelled."""
        return await self._running.to_its_end(partial(self._checkouts.checkout, command))

    async def checkout_attempt(self, buyer_id: str, key: str) -> CheckoutOutcome | None:
        """What became of the checkout with this key; None where it bound none."""
        return await self._answers.of_attempt(buyer_id, stored_key(key))

    async def record_outcome(self, order_id: UUID, outcome: Outcome) -> CheckoutOutcome:
        """Record what became of paying for an order, and give its answer; LookupError if there is no such order."""
        await self._outcomes.record(order_id, outcome)
        return await self._answers.of_order(order_id, replayed=True)

    async def finish_stale(self) -> int:
        """The sweep: finish orders whose checkout was cut off or whose charge was not answered; how many were."""
        return await self._stale.finish()

    # --- undoing

    async def cancel_order(self, command: CancelOrder) -> Order | OrderNotFound | CannotCancel | InvalidField:
        """Undo an order and give its money back; one that is cancelled already is told again."""
        return await self._running.to_its_end(partial(self._cancellations.cancel, command))

    async def refund_order(
        self, command: RefundOrder
    ) -> Refund | OrderNotFound | CannotRefund | RefundTooHigh | IdempotencyKeyReused | InvalidField:
        """Give money of a paid order back, once for each operator and idempotency key."""
        return await self._running.to_its_end(lambda _: self._refunds.refund(command))

    async def retry_refund(self, command: RetryRefund) -> Refund | RefundNotFound:
        """Try a FAILED refund again; any other is told as it is."""
        return await self._refunds.retry(command)

    async def record_refund(self, refund_id: UUID, outcome: RefundOutcome) -> None:
        """Record what became of a refund; LookupError if there is no such refund."""
        await self._database.transact(lambda tx: refunds.record(tx, refund_id, outcome))

    async def finish_refunds(self) -> int:
        """The sweep: have the provider make the refunds that are due; how many were tried."""
        return await self._due_refunds.finish()

    async def reclaim_refunds(self) -> None:
        """Make due at once what a sweep had claimed that is known to be dead."""
        await self._due_refunds.reclaim()

    async def forget_attempts(self) -> int:
        """The sweep: forget idempotency keys whose time is over; how many were forgotten."""
        return await attempt_repository.forget_old(self._database, hours=self._key_hours)

    async def refunds_of(self, order_ids: Sequence[UUID]) -> dict[UUID, tuple[Refund, ...]]:
        """The refunds of these orders, oldest first; an order without any is absent."""
        return await refund_repository.refunds_of(self._database.read(), order_ids)

    async def failed_refunds(self, page: PageRequest) -> Page[Refund]:
        """The refunds that the provider would not make, oldest first; raises InvalidCursor."""
        return await refund_repository.failed_refunds(self._database.read(), page)

    # --- orders: `parts` are what is read of them, and what is not is empty

    async def find_any_order(
        self, *, id: UUID | None = None, number: str | None = None, parts: Parts = WHOLE
    ) -> Order | None:
        """The order with this id or number, whoever's it is: for operators."""
        wanted = id or (number and await self._id_of(number))
        return (await self.find_orders([wanted], parts)).get(wanted) if wanted else None

    async def find_order(
        self, viewer_id: str, *, id: UUID | None = None, number: str | None = None, parts: Parts = WHOLE
    ) -> Order | None:
        """The viewer's own order with this id or number; somebody else's is not found."""
        order = await self.find_any_order(id=id, number=number, parts=parts)
        return order if order and order.buyer_id == viewer_id else None

    async def find_orders(self, ids: Sequence[UUID], parts: Parts = WHOLE) -> dict[UUID, Order]:
        """The orders with these ids, whoever's they are; unknown ones are absent."""
        return await views.orders_with(self._database.read(), ids, parts)

    async def find_own_orders(self, viewer_id: str, ids: Sequence[UUID], parts: Parts = WHOLE) -> dict[UUID, Order]:
        """The viewer's own orders of these ids; those of others are absent like unknown ones."""
        found = await self.find_orders(ids, parts)
        return {order.id: order for order in found.values() if order.buyer_id == viewer_id}

    async def orders_of(
        self, buyer_id: str, status: OrderStatus | None, page: PageRequest, parts: Parts = WHOLE
    ) -> Page[Order]:
        """A buyer's orders, newest first; raises InvalidCursor."""
        return await views.orders_of(self._database.read(), buyer_id, status, page, parts)

    async def stuck_orders(self, page: PageRequest, parts: Parts = WHOLE) -> Page[StuckOrder]:
        """The orders that should have come to their end, oldest first: for operators. Raises InvalidCursor."""
        return await stuck.stuck_orders(
            self._database.read(),
            page,
            placing_seconds=self._patience.placing_seconds,
            late_seconds=self._patience.late_seconds,
            parts=parts,
        )

    # --- what runs

    async def finish_running(self) -> None:
        """Wait for commands that run, also those whose callers have gone: before a shutdown."""
        await self._running.finish()

    async def _id_of(self, number: str) -> UUID | None:
        read = read_number(number)
        row = await self._database.read().one(views.FIND_BY_NUMBER, number=read) if read else None
        return row.id if row else None
