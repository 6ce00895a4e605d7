"""Whatever happens to orders, and in whichever order, their stock is where the design's table says."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from domains.inventory.errors import ReturnExceedsOrder
from domains.inventory.model import StockState
from kernel.errors import IllegalTransition
from messaging.consumer import NotYet
from tests.databases import Databases
from tests.domains.inventory.shelf import Shelf, cancelled, hold_line, open_shelf, paid, published, refunded, withdrawn

NONE, HELD, EXPIRED, RELEASED, DEDUCTED, FAILED, CANCELLED, RESTOCKED = StockState
COPIES = 5
WANTED = (1, 2, 3)
"""How many copies each order wants: together more than there are."""

ORDER_ACTIONS = ("hold", "release", "renew", "time passes", "paid", "cancelled", "refunded", "lost")
HISTORIES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(ORDER_ACTIONS), st.integers(0, len(WANTED) - 1)),
        st.tuples(st.sampled_from(("sweep", "sweep", "withdrawn")), st.just(0)),
    ),
    min_size=4,
    max_size=14,
)


@dataclass
class Order:
    """What is expected of an order's stock."""

    wants: int
    state: StockState = NONE
    due: bool = False
    returned: int = 0
    lost: int = 0
    id: UUID = field(default_factory=uuid4)


@dataclass
class Expected:
    """The listing and its orders as the design says; each action tells what it is answered with, if it is refused."""

    orders: list[Order]
    on_hand: int = COPIES
    withdrawn: bool = False

    @property
    def held(self) -> int:
        return sum(order.wants for order in self.orders if order.state is HELD)

    @property
    def available(self) -> int:
        return 0 if self.withdrawn else self.on_hand - self.held

    def after(self, action: str, order: Order) -> type[Exception] | None:
        """Lets it happen."""
        match action, order.state:
            case ("hold", StockState.NONE):
                if self.available >= order.wants:
                    order.state, order.due = HELD, False
            case ("hold", state) if state is not HELD:
                return IllegalTransition
            case ("release", StockState.NONE | StockState.HELD):
                order.state = RELEASED
            case ("release", StockState.DEDUCTED | StockState.FAILED):
                return IllegalTransition
            case ("renew" | "time passes", _):
                order.due = action == "time passes"
            case ("sweep", _):
                for one in self.orders:
                    one.state = EXPIRED if one.state is HELD and one.due else one.state
            case ("withdrawn", _):
                self.withdrawn = True
            case ("paid", StockState.NONE | StockState.HELD | StockState.EXPIRED | StockState.RELEASED as state):
                enough = self.available + (order.wants if state is HELD else 0) >= order.wants
                order.state = DEDUCTED if enough else FAILED
                self.on_hand -= order.wants if enough else 0
            case ("lost", _):
                order.lost += order.lost + order.returned < order.wants and order.state not in (CANCELLED, RESTOCKED)
            case ("cancelled", StockState.DEDUCTED):
                self.on_hand += max(0, order.wants - order.returned - order.lost)
                order.state = RESTOCKED
            case ("cancelled", StockState.NONE | StockState.HELD | StockState.EXPIRED | StockState.RELEASED) if (
                order.lost
            ):
                return NotYet
            case ("cancelled", state) if state is not RESTOCKED:
                order.state = CANCELLED
            case ("refunded", StockState.DEDUCTED):
                if order.returned == order.wants:
                    return ReturnExceedsOrder
                order.returned += 1
                self.on_hand += 1
            case ("refunded", StockState.NONE | StockState.HELD | StockState.EXPIRED | StockState.RELEASED):
                return NotYet
        return None


@settings(max_examples=60)
@given(history=HISTORIES)
async def test_any_history_ends_where_the_design_says(databases: Databases, history: list[tuple[str, int]]) -> None:
    async with open_shelf(databases) as shelf:
        listing = published(COPIES)
        await shelf.deliver(listing)
        expected = Expected([Order(wants) for wants in WANTED])
        for action, number in history:
            order = expected.orders[number]
            refusal = expected.after(action, order)

            assert await refused(shelf, listing, action, order) is refusal

            assert [await shelf.state(one.id) for one in expected.orders] == [one.state for one in expected.orders]
            item = await shelf.item(listing.listing_id)
            assert (item.on_hand, item.held, item.available) == (expected.on_hand, expected.held, expected.available)


async def refused(shelf: Shelf, listing, action: str, order: Order) -> type[Exception] | None:
    """What the shelf answers an action with, None if it takes it."""
    try:
        await act(shelf, listing, action, order)
    except (IllegalTransition, NotYet, ReturnExceedsOrder) as refusal:
        return type(refusal)
    return None


async def act(shelf: Shelf, listing, action: str, order: Order) -> None:
    """Lets it happen on the shelf."""
    wanted = (listing.listing_id, order.wants)
    match action:
        case "hold":
            await shelf.hold(hold_line(*wanted), order_id=order.id)
        case "release":
            await shelf.inventory.release(order.id, "payment refused")
        case "renew":
            await shelf.inventory.renew(order.id, 7200)
        case "time passes":
            await shelf.let_time_pass(order.id)
        case "sweep":
            await shelf.inventory.expire_holds()
        case "withdrawn":
            await shelf.deliver(withdrawn(listing, version=2))
        case "paid":
            await shelf.deliver(paid(order.id, wanted))
        case "cancelled":
            lost = ((listing.listing_id, order.lost),) if order.lost else ()
            await shelf.deliver(cancelled(order.id, wanted, lost=lost))
        case "lost":
            await shelf.deliver(refunded(order.id, (listing.listing_id, 1), restock=False))
        case "refunded":
            await shelf.deliver(refunded(order.id, (listing.listing_id, 1)))
