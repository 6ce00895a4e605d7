"""What sellers do when orders are paid, cancelled and refunded, and when stock moves."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from domains.sellers import Listing, PublishListing, RegisterSeller, Seller, SellersService
from domains.sellers.handlers import learn_book, note_deduction, note_stock, record_sales, reduce_sales, reverse_sales
from kernel.books import Grade
from kernel.money import Money
from kernel.pages import PageRequest
from messaging.consumer import NotYet
from messaging.event import Event
from messaging.events import (
    BookAdded,
    BookChanged,
    BookSold,
    DeductedLine,
    OrderCancelled,
    OrderItem,
    OrderPaid,
    OrderRefunded,
    RefundedLine,
    SaleRecorded,
    SaleReversed,
    SellerUpdated,
    StockDeducted,
    StockItemChanged,
)

ISBN = "9780439023481"
PAID_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
Told = Callable[[], Awaitable[list[Event]]]
Deliver = Callable[..., Awaitable[None]]


class Purchase:
    """The events of an order of two copies of one listing."""

    def __init__(self, listing: Listing, *, paid_at: datetime = PAID_AT) -> None:
        self.order_id, self.listing, self.paid_at = uuid4(), listing, paid_at
        self.item = OrderItem(
            order_item_id=uuid4(),
            book_isbn=listing.isbn,
            seller_id=listing.seller_id,
            quantity=2,
            unit_price=1250,
            listing_id=listing.id,
        )

    @property
    def paid(self) -> OrderPaid:
        return OrderPaid(
            order_id=self.order_id,
            customer_id="bob",
            total_amount=2500,
            paid_date=self.paid_at,
            order_items=(self.item,),
        )

    @property
    def cancelled(self) -> OrderCancelled:
        return OrderCancelled(order_id=self.order_id, customer_id="bob", order_items=(self.item,), refund_amount=2500)

    def refunded(self, refund_id: UUID) -> OrderRefunded:
        line = RefundedLine(
            order_item_id=self.item.order_item_id,
            listing_id=self.listing.id,
            seller_id=self.listing.seller_id,
            quantity=1,
            amount=1000,
        )
        return OrderRefunded(order_id=self.order_id, customer_id="bob", refund_id=refund_id, amount=1000, lines=(line,))

    def deducted(self, *, remaining: int) -> StockDeducted:
        line = DeductedLine(listing_id=self.listing.id, quantity=2, remaining_on_hand=remaining)
        return StockDeducted(order_id=self.order_id, lines=(line,))


@pytest.fixture
async def seller(service: SellersService) -> Seller:
    seller = await service.register(RegisterSeller(owner_id="sarah", issuer="h", email=None, display_name="Sarah"))
    assert isinstance(seller, Seller)
    return seller


@pytest.fixture
async def listing(service: SellersService, seller: Seller, deliver: Deliver) -> Listing:
    await deliver(learn_book, BookAdded(book_isbn=ISBN, title="The Hunger Games", authors=(), version=1))
    listing = await service.publish_listing(
        PublishListing(owner_id="sarah", isbn=ISBN, grade=Grade.GOOD, price=Money(1250, "EUR"), location="", quantity=5)
    )
    assert isinstance(listing, Listing)
    return listing


async def earned(service: SellersService, seller: Seller) -> tuple[int, Money]:
    now = (await service.find_sellers([seller.id]))[seller.id]
    return now.books_sold, now.revenue


def only(kind: type[Event], events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


async def test_a_book_is_learned_from_whichever_event_comes_first(service: SellersService, deliver: Deliver) -> None:
    changed = BookChanged(book_isbn=ISBN, title="t", authors=(), version=2)

    await deliver(learn_book, changed, BookAdded(book_isbn=ISBN, title="t", authors=(), version=1), changed)

    assert await service.known_books([ISBN, "9780439554930"]) == {ISBN}


async def test_a_paid_order_counts_for_its_seller(
    service: SellersService, seller: Seller, listing: Listing, deliver: Deliver, told: Told
) -> None:
    purchase = Purchase(listing)

    await deliver(record_sales, purchase.paid)

    assert await earned(service, seller) == (2, Money(2500, "EUR"))
    (sale,) = (await service.sales_of(seller.id, PageRequest())).items
    assert (sale.order_id, sale.order_item_id, sale.listing_id) == (
        purchase.order_id,
        purchase.item.order_item_id,
        listing.id,
    )
    assert (sale.isbn, sale.quantity, sale.amount, sale.recorded_at, sale.reversed) == (
        ISBN,
        2,
        Money(2500, "EUR"),
        PAID_AT,
        False,
    )
    recorded, updated = (await told())[-2:]
    assert recorded == SaleRecorded(
        order_id=purchase.order_id,
        seller_id=seller.id,
        order_item_id=purchase.item.order_item_id,
        quantity=2,
        amount=2500,
    )
    assert isinstance(updated, SellerUpdated)
    assert (updated.books_sold, updated.revenue, updated.version) == (2, 2500, 2)


async def test_a_redelivered_payment_counts_once(
    service: SellersService, seller: Seller, listing: Listing, deliver: Deliver, told: Told
) -> None:
    purchase = Purchase(listing)
    await deliver(record_sales, purchase.paid)
    events = await told()

    await deliver(record_sales, purchase.paid, purchase.paid)

    assert await earned(service, seller) == (2, Money(2500, "EUR"))
    assert await told() == events


async def test_a_sale_of_an_unknown_seller_waits_and_leaves_nothing(
    service: SellersService, listing: Listing, deliver: Deliver, told: Told
) -> None:
    purchase = Purchase(listing)
    stranger = purchase.item.model_copy(update={"seller_id": uuid4(), "order_item_id": uuid4()})
    events = await told()

    with pytest.raises(NotYet):
        await deliver(record_sales, purchase.paid.model_copy(update={"order_items": (purchase.item, stranger)}))

    assert await told() == events
    assert (await service.sales_of(listing.seller_id, PageRequest())).items == []


async def test_a_cancelled_order_counts_no_more(
    service: SellersService, seller: Seller, listing: Listing, deliver: Deliver, told: Told
) -> None:
    purchase = Purchase(listing)

    await deliver(record_sales, purchase.paid)
    await deliver(reverse_sales, purchase.cancelled, purchase.cancelled)

    assert await earned(service, seller) == (0, Money(0, "EUR"))
    (sale,) = (await service.sales_of(seller.id, PageRequest())).items
    assert sale.reversed
    assert len(only(SaleReversed, await told())) == 1


async def test_an_order_that_is_cancelled_before_it_is_heard_of_is_reversed_and_never_counts(
    service: SellersService, seller: Seller, listing: Listing, deliver: Deliver, told: Told
) -> None:
    purchase = Purchase(listing)

    await deliver(reverse_sales, purchase.cancelled)
    assert len(only(SaleReversed, await told())) == 1
    assert (await service.sales_of(seller.id, PageRequest())).items == []
    await deliver(record_sales, purchase.paid)

    assert await earned(service, seller) == (0, Money(0, "EUR"))
    assert only(SaleRecorded, await told()) == []
    (sale,) = (await service.sales_of(seller.id, PageRequest())).items
    assert (sale.recorded_at, sale.reversed) == (PAID_AT, True)


async def test_a_refund_is_taken_from_the_statistics_once(
    service: SellersService, seller: Seller, listing: Listing, deliver: Deliver
) -> None:
    purchase, refund = Purchase(listing), uuid4()

    await deliver(reduce_sales, purchase.refunded(refund))
    await deliver(record_sales, purchase.paid)
    await deliver(reduce_sales, purchase.refunded(refund))

    assert await earned(service, seller) == (1, Money(1500, "EUR"))


@pytest.mark.parametrize("payment_first", [True, False])
async def test_the_last_copy_is_announced_once_when_payment_and_deduction_are_known(
    listing: Listing, deliver: Deliver, told: Told, payment_first: bool
) -> None:
    purchase = Purchase(listing)
    steps = [(record_sales, purchase.paid), (note_deduction, purchase.deducted(remaining=0))]
    first, second = steps if payment_first else steps[::-1]

    await deliver(*first)
    assert only(BookSold, await told()) == []
    await deliver(*second)
    await deliver(*first)

    (sold,) = only(BookSold, await told())
    assert sold == BookSold(
        listing_id=listing.id,
        seller_id=listing.seller_id,
        book_isbn=ISBN,
        order_id=purchase.order_id,
        buyer_id="bob",
        sold_date=PAID_AT,
    )


async def test_a_book_of_which_copies_are_left_is_not_sold_out(listing: Listing, deliver: Deliver, told: Told) -> None:
    purchase = Purchase(listing)

    await deliver(record_sales, purchase.paid)
    await deliver(note_deduction, purchase.deducted(remaining=1))

    assert only(BookSold, await told()) == []


@pytest.mark.parametrize("versions", [(1, 2, 3), (3, 2, 1), (2, 3, 3, 1)])
async def test_the_newest_count_of_a_listing_stays(
    service: SellersService, listing: Listing, deliver: Deliver, versions: tuple[int, ...]
) -> None:
    for version in versions:
        event = StockItemChanged(
            listing_id=listing.id,
            book_isbn=ISBN,
            seller_id=listing.seller_id,
            on_hand=10 - version,
            held=0,
            available=10 - version,
            version=version,
        )
        await deliver(note_stock, event)

    assert (await service.find_listings(listing.owner_id, [listing.id]))[listing.id].on_hand == 7


async def test_pages_of_sales_follow_one_another_newest_first(
    service: SellersService, seller: Seller, listing: Listing, deliver: Deliver
) -> None:
    purchases = [Purchase(listing, paid_at=PAID_AT + timedelta(seconds=n // 2)) for n in range(5)]
    await deliver(record_sales, *(purchase.paid for purchase in purchases))

    first = await service.sales_of(seller.id, PageRequest(first=3))
    rest = await service.sales_of(seller.id, PageRequest(first=3, after=first.cursors[-1]))

    seen = [*first.items, *rest.items]
    assert (first.has_next, rest.has_next) == (True, False)
    assert {sale.order_id for sale in seen} == {purchase.order_id for purchase in purchases}
    assert [sale.recorded_at for sale in seen] == sorted((p.paid_at for p in purchases), reverse=True)
