"""Stock: what can be bought, and what becomes of an order's copies. Rules and views; no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, StrEnum, auto
from uuid import UUID

from domains.inventory.errors import ReturnExceedsOrder
from kernel.books import Grade
from kernel.errors import IllegalTransition
from kernel.money import Money

HOLD_SECONDS = 600
"""How long copies are held for an order that nobody renews."""

LARGEST_ON_HAND = 10_000
"""The most copies that a listing can have."""

Quantities = Mapping[UUID, int]
"""Copies by listing."""


# --- the stock of an order --------------------------------------------------------------------------------------


class StockState(StrEnum):
    """Where an order's copies are."""

    NONE = "NONE"
    HELD = "HELD"
    EXPIRED = "EXPIRED"
    RELEASED = "RELEASED"
    DEDUCTED = "DEDUCTED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    RESTOCKED = "RESTOCKED"


class Trigger(StrEnum):
    """What can happen to an order's stock: two commands, the expiry sweep, and events of the order."""

    HOLD = "hold"
    RELEASE = "release"
    EXPIRE = "expire"
    ORDER_PAID = "OrderPaid"
    ORDER_CANCELLED = "OrderCancelled"
    ORDER_REFUNDED = "OrderRefunded"


class Step(Enum):
    """What to do about a trigger."""

    HOLD = auto()
    """Hold all lines, or none and say what is short: HELD."""
    RELEASE = auto()
    """Give back what is held: RELEASED."""
    EXPIRE = auto()
    """Give back what is held, if its time is over: EXPIRED."""
    DEDUCT = auto()
    """Take what is held and the rest from what is available: DEDUCTED; where that is too little, FAILED."""
    CANCEL = auto()
    """Give back what is held and say so: CANCELLED."""
    RESTOCK = auto()
    """Put what was taken and not yet returned back on the shelf and say so: RESTOCKED."""
    RETURN = auto()
    """Put what was refunded back on the shelf, once for each refund; the state stays."""
    WAIT = auto()
    """The event builds on one that has not arrived yet."""
    NOTHING = auto()
    """It is done already, or can no longer matter."""
    REFUSE = auto()
    """The caller is wrong."""


def _row(*steps: Step) -> dict[Trigger, Step]:
    return dict(zip(Trigger, steps, strict=True))


# fmt: off
STEPS: Mapping[StockState, Mapping[Trigger, Step]] = {
    #                            hold          release       expire        OrderPaid     OrderCancelled OrderRefunded
    StockState.NONE:      _row(Step.HOLD,    Step.RELEASE, Step.NOTHING, Step.DEDUCT,  Step.CANCEL,   Step.WAIT),
    StockState.HELD:      _row(Step.NOTHING, Step.RELEASE, Step.EXPIRE,  Step.DEDUCT,  Step.CANCEL,   Step.WAIT),
    StockState.EXPIRED:   _row(Step.REFUSE,  Step.NOTHING, Step.NOTHING, Step.DEDUCT,  Step.CANCEL,   Step.WAIT),
    StockState.RELEASED:  _row(Step.REFUSE,  Step.NOTHING, Step.NOTHING, Step.DEDUCT,  Step.CANCEL,   Step.WAIT),
    StockState.DEDUCTED:  _row(Step.REFUSE,  Step.REFUSE,  Step.NOTHING, Step.NOTHING, Step.RESTOCK,  Step.RETURN),
    StockState.FAILED:    _row(Step.REFUSE,  Step.REFUSE,  Step.NOTHING, Step.NOTHING, Step.CANCEL,   Step.NOTHING),
    StockState.CANCELLED: _row(Step.REFUSE,  Step.NOTHING, Step.NOTHING, Step.NOTHING, Step.NOTHING,  Step.NOTHING),
    StockState.RESTOCKED: _row(Step.REFUSE,  Step.NOTHING, Step.NOTHING, Step.NOTHING, Step.NOTHING,  Step.NOTHING),
}
# fmt: on


def next_step(state: StockState, trigger: Trigger) -> Step:
    """What to do when this happens in this state; raises IllegalTransition for a command that is wrong there."""
    step = STEPS[state][trigger]
    if step is Step.REFUSE:
        raise IllegalTransition(f"an order whose stock is {state} cannot {trigger} it")
    return step


# --- stock items ------------------------------------------------------------------------------------------------


class Cause(StrEnum):
    """Why a listing's stock changed."""

    PUBLISHED = "PUBLISHED"
    CHANGED = "CHANGED"
    WITHDRAWN = "WITHDRAWN"
    ADJUSTED = "ADJUSTED"
    HELD = "HELD"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"
    DEDUCTED = "DEDUCTED"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"


@dataclass(frozen=True, slots=True)
class StockItem:
    """A listing's copies, and the parts of the listing that buying needs.

    `version` counts every change here; `listing_version` is the listing's own, at its seller's desk. Until the listing
    is `published` to this domain its count is not known and is 0.
    """

    listing_id: UUID
    isbn: str
    seller_id: UUID
    owner_id: str
    grade: Grade
    price: Money
    location: str
    on_hand: int
    held: int
    withdrawn: bool
    version: int
    listing_version: int = 0
    published: bool = True

    @property
    def available(self) -> int:
        """Copies that can be bought: neither sold, nor held, nor withdrawn."""
        return 0 if self.withdrawn else self.on_hand - self.held


def merge_listing(known: StockItem, heard: StockItem) -> StockItem:
    """What is known of a listing with what is heard of it, in whichever order the two were told.

    The newer version decides, a withdrawal is for good, and the copies that it was published with count once.
    """
    newest = heard if heard.listing_version > known.listing_version else known
    return replace(
        known,
        owner_id=newest.owner_id,
        grade=newest.grade,
        price=newest.price,
        location=newest.location,
        on_hand=known.on_hand if known.published else known.on_hand + heard.on_hand,
        withdrawn=known.withdrawn or heard.withdrawn,
        listing_version=newest.listing_version,
        published=known.published or heard.published,
    )


@dataclass(frozen=True, slots=True)
class StockChange:
    """Copies to add to a listing's counts (negative: to take away)."""

    listing_id: UUID
    on_hand: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustStock:
    """Set how many copies of a listing its owner has on hand; `version` is the stock item's that the owner saw."""

    owner_id: str
    listing_id: UUID
    on_hand: int
    version: int


# --- holding and deducting --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HoldLine:
    """Copies of a listing that an order wants, at the price that the buyer saw; raises ValueError for less than one."""

    listing_id: UUID
    quantity: int
    unit_price: Money

    def __post_init__(self) -> None:
        if self.quantity < 1:
            raise ValueError("a line holds at least one copy")


class ShortageReason(StrEnum):
    """Why copies cannot be held."""

    SHORT = "SHORT"
    PRICE_CHANGED = "PRICE_CHANGED"
    GONE = "GONE"


@dataclass(frozen=True, slots=True)
class Shortage:
    """What an order wanted of a listing, and what there is: `price` is today's, None where the listing is gone."""

    listing_id: UUID
    wanted: int
    available: int
    price: Money | None
    reason: ShortageReason


@dataclass(frozen=True, slots=True)
class StockLine:
    """What an order has of a listing: copies held, or taken; `returned` of the taken ones are back on the shelf."""

    listing_id: UUID
    quantity: int
    returned: int = 0

    @property
    def kept(self) -> int:
        """Copies that are not back on the shelf."""
        return self.quantity - self.returned


def total_quantities(lines: Iterable[tuple[UUID, int]]) -> dict[UUID, int]:
    """Copies by listing: several lines of one listing are summed."""
    totals: Counter[UUID] = Counter()
    for listing_id, quantity in lines:
        totals[listing_id] += quantity
    return dict(totals)


def hold_shortages(lines: Sequence[HoldLine], items: Mapping[UUID, StockItem], currency: str) -> tuple[Shortage, ...]:
    """Everything that keeps these lines from being held, () if nothing does."""
    found: list[Shortage] = []
    for listing_id, wanted in total_quantities((line.listing_id, line.quantity) for line in lines).items():
        item = items.get(listing_id)
        if item is None or item.withdrawn or item.price.currency != currency:
            found.append(Shortage(listing_id, wanted, 0, None, ShortageReason.GONE))
            continue
        if wanted > item.available:
            found.append(Shortage(listing_id, wanted, item.available, item.price, ShortageReason.SHORT))
        if any(line.listing_id == listing_id and line.unit_price != item.price for line in lines):
            found.append(Shortage(listing_id, wanted, item.available, item.price, ShortageReason.PRICE_CHANGED))
    return tuple(found)


def deduction_shortages(wanted: Quantities, held: Quantities, items: Mapping[UUID, StockItem]) -> tuple[Shortage, ...]:
    """What is too little to deduct an order that holds `held`; that is honoured of a withdrawn listing too."""
    reachable = {listing_id: held.get(listing_id, 0) + items[listing_id].available for listing_id in wanted}
    return tuple(
        Shortage(listing_id, quantity, reachable[listing_id], items[listing_id].price, ShortageReason.SHORT)
        for listing_id, quantity in wanted.items()
        if quantity > reachable[listing_id]
    )


def check_return(lines: Iterable[StockLine], returned: Quantities) -> None:
    """Raises ReturnExceedsOrder if the order does not keep that many copies."""
    kept = {line.listing_id: line.kept for line in lines}
    for listing_id, quantity in returned.items():
        left = kept.get(listing_id, 0)
        if not 0 < quantity <= left:
            raise ReturnExceedsOrder(f"{quantity} copies of listing {listing_id} to return, the order keeps {left}")


# --- the stock of a book ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StockOffer:
    """A listing of a book that can be bought now; `quantity` copies are available."""

    listing_id: UUID
    seller_id: UUID
    price: Money
    quantity: int
    grade: Grade
    location: str


@dataclass(frozen=True, slots=True)
class BookStock:
    """What can be bought of a book over all sellers; no prices when nothing is left. `offers` are cheapest first."""

    isbn: str
    total: int
    sellers: int
    min_price: Money | None
    max_price: Money | None
    average_price: Money | None
    version: int
    updated_at: datetime
    offers: tuple[StockOffer, ...]
    currency: str


def book_stock(isbn: str, currency: str, version: int, updated_at: datetime, offers: Sequence[StockOffer]) -> BookStock:
    """Sums up a book's offers, cheapest first; the average is the offers' mean, not weighed by copies, half a cent up.

    Raises CurrencyMismatch if an offer is in another currency.
    """
    prices = [offer.price for offer in offers]
    total_price = sum(prices, start=Money(0, currency))
    count = len(prices)
    return BookStock(
        isbn=isbn,
        total=sum(offer.quantity for offer in offers),
        sellers=len({offer.seller_id for offer in offers}),
        min_price=min(prices, default=None),
        max_price=max(prices, default=None),
        average_price=Money((2 * total_price.minor + count) // (2 * count), currency) if count else None,
        version=version,
        updated_at=updated_at,
        offers=tuple(offers),
        currency=currency,
    )
