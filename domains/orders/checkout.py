"""The checkout, step by step, as docs/architecture.md numbers the steps."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from uuid import UUID

from domains.orders import attempt_repository, cart_repository, repository
from domains.orders.answers import Answers
from domains.orders.carts import Carts
from domains.orders.commands import Checkout, CheckoutOutcome, CheckoutRejected, address_of, input_problems
from domains.orders.errors import AmountMismatch, CartEmpty
from domains.orders.model import (
    Cart,
    CartLine,
    HoldLine,
    Offer,
    OrderStatus,
    PaymentStatus,
    new_number,
    problems_of,
)
from domains.orders.outcome import Outcomes
from domains.orders.payment import NotCharged, NotHeld, Outcome, Prepared, Unknown
from domains.orders.ports import PaymentProvider, StockHolds
from domains.orders.running import SoFar
from kernel.database import Database, Transaction
from kernel.errors import IllegalTransition, Problem, UnsupportedCurrency
from kernel.ids import new_id
from kernel.logging import log
from kernel.money import Money

FIRST_VERSION = 1
OPENING_TRIES = 10
"""How often a checkout starts over because its buyer's cart or orders changed meanwhile."""
PAYMENT_HOLD_SECONDS = 2 * 3600
"""How long stock is held while a payment's outcome is unknown."""

_log = log(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long an unfinished order is left to its checkout before the sweep looks after it, in whole seconds."""

    placing_seconds: int = 60
    """From when the order is placed until its charge begins."""
    charge_seconds: int = 30
    """From then until the provider's answer is written down."""
    late_seconds: int = 60
    """From then until the sweep asks the provider, and from one time that it looks at an order to the next."""
    action_seconds: int = 900
    """How long a buyer may take for what the provider requires, such as 3-D Secure."""


class Overtaken(Exception):
    """The buyer's cart or orders changed since they were read: read them again."""


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """A PENDING order on its way to be paid."""

    id: UUID
    total: Money
    lines: tuple[HoldLine, ...]


class Checkouts:
    """Takes carts to paid orders."""

    def __init__(
        self,
        database: Database,
        stock: StockHolds,
        payments: PaymentProvider,
        *,
        carts: Carts,
        answers: Answers,
        outcomes: Outcomes,
        patience: Patience,
    ) -> None:
        self._database = database
        self._stock = stock
        self._payments = payments
        self._patience = patience
        self._carts = carts
        self._answers = answers
        self._outcomes = outcomes

    async def checkout(self, command: Checkout, so_far: SoFar[CheckoutOutcome]) -> CheckoutOutcome:
        """Buy what is in the cart, once for each idempotency key; there is something to tell once it is an order."""
        for _ in range(OPENING_TRIES):
            if answer := await self._earlier(command):  # step 2
                return answer
            cart = await self._carts.read(command.buyer_id)  # step 3
            if problems := problems_of_checkout(command, cart):
                return await self._earlier(command) or CheckoutRejected(problems=problems, cart=cart)
            if order := await self._place(command, cart):  # step 4
                so_far.set_result(partial(self._answers.of_order, order.id, replayed=False))
                return await self._buy(order, command.payment_method)
        raise RuntimeError("the cart changed again and again while it was bought")

    async def _earlier(self, command: Checkout) -> CheckoutOutcome | None:
        """What an earlier checkout of the buyer answers; without an answer, what it held is there for this one."""
        rows = await self._database.read().all(
            attempt_repository.FIND_EARLIER, buyer_id=command.buyer_id, key=command.key
        )
        if answer := await self._answers.earlier(command, rows):
            return answer
        for row in rows:
            if row.release_reason is not None:
                await self._give_back(row.order_id, row.release_reason)
        return None

    async def _give_back(self, order_id: UUID, reason: str) -> None:
        """Release what an ended order holds, before whoever ended it has come to that."""
        try:
            await self._outcomes.release(order_id, reason)
        except Exception as error:  # the sweep tries again
            _log.warning("the hold of an ended order could not be released", order_id=str(order_id), exc_info=error)

    async def _buy(self, order: PlacedOrder, method: str) -> CheckoutOutcome:
        outcome = await self._hold(order) or await self._charge(order, method)  # steps 5 and 6
        await self._outcomes.record(order.id, outcome)  # steps 6 and 7
        return await self._answers.of_order(order.id, replayed=False)  # step 8

    async def _place(self, command: Checkout, cart: Cart) -> PlacedOrder | None:
        """Write the attempt and the PENDING order; None if another request of the buyer came first."""
        lines = tuple(HoldLine(line.listing_id, line.quantity, line.unit_price) for line in cart.lines)
        order = PlacedOrder(new_id(), cart.total, lines)
        try:
            seconds = self._patience.placing_seconds
            await self._database.transact(lambda tx: _write(tx, command, cart, order.id, seconds))
        except Overtaken:
            return None
        return order

    async def _hold(self, order: PlacedOrder) -> NotHeld | Unknown | None:
        try:
            shortages = await self._stock.hold(order.id, order.lines)
        except IllegalTransition:  # so late that the sweep has ended the order
            return Unknown()
        return NotHeld(problems_of(shortages, order.lines)) if shortages else None

    async def _charge(self, order: PlacedOrder, method: str) -> Outcome:
        """Ask for the money, after it was written down under which name, and until when an answer is expected."""
        prepared = await self._payments.prepare(order.id, order.total)
        if not isinstance(prepared, Prepared):
            return NotCharged() if isinstance(prepared, Unknown) else prepared
        begun = await self._database.write(
            repository.BEGIN_CHARGE,
            id=order.id,
            charge_reference=prepared.reference,
            deadline_seconds=self._patience.charge_seconds,
            look_seconds=self._patience.charge_seconds + self._patience.late_seconds,
        )
        if begun is None:  # so late that the sweep has ended the order
            return Unknown()
        await self._stock.renew(order.id, PAYMENT_HOLD_SECONDS)
        return await self._payments.charge(prepared.reference, order.total, method)


def problems_of_checkout(command: Checkout, cart: Cart) -> tuple[Problem, ...]:
    """All that keeps this cart from being bought with this request."""
    problems = input_problems(command)
    agreed, total = command.amount, cart.total
    if not cart.lines:
        problems.append(CartEmpty())
    elif isinstance(agreed, Money) and agreed != total:
        problems.append(_difference(agreed, total))
    return (*problems, *cart.problems)


def _difference(agreed: Money, total: Money) -> AmountMismatch | UnsupportedCurrency:
    if agreed.currency == total.currency:
        return AmountMismatch(agreed=agreed, total=total)
    path = ("input", "amount", "currency")
    return UnsupportedCurrency(path=path, currency=agreed.currency, supported=total.currency)


async def _write(tx: Transaction, command: Checkout, cart: Cart, order_id: UUID, seconds: int) -> None:
    """The rows of step 4; raises Overtaken and so leaves none if the cart, the key or the buyer is taken."""
    if await cart_repository.lock_cart(tx, cart.buyer_id) != cart.version:
        raise Overtaken
    placed = await tx.one(
        repository.ADD_ORDER,
        id=order_id,
        number=new_number(),
        buyer_id=command.buyer_id,
        buyer_email=command.buyer_email,
        status=OrderStatus.PENDING,
        payment_status=PaymentStatus.PENDING,
        version=FIRST_VERSION,
        settled=False,
        total=cart.total.minor,
        currency=cart.total.currency,
        address=asdict(address_of(command.address)),
        seconds=seconds,
    )
    if placed is None:
        raise Overtaken
    attempt = await tx.one(
        attempt_repository.ADD_ATTEMPT,
        buyer_id=command.buyer_id,
        key=command.key,
        fingerprint=command.fingerprint,
        order_id=order_id,
    )
    if attempt is None:
        raise Overtaken
    rows = [_row(order_id, place, line, line.offer) for place, line in enumerate(cart.lines) if line.offer]
    await tx.many(repository.ADD_LINE, rows)
    await repository.add_entry(tx, order_id, FIRST_VERSION, event="OrderPlaced", domain="orders", what="OrderPlaced")


def _row(order_id: UUID, position: int, line: CartLine, offer: Offer) -> dict[str, object]:
    return {
        "id": new_id(),
        "order_id": order_id,
        "position": position,
        "listing_id": line.listing_id,
        "isbn": line.isbn,
        "title": line.title or line.isbn,
        "seller_id": offer.seller_id,
        "seller_owner_id": offer.owner_id,
        "quantity": line.quantity,
        "unit_price": line.unit_price.minor,
        "grade": offer.grade,
    }
