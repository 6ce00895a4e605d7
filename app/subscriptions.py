"""The saga: who reacts to what. Every row is an event and the handlers that it runs, one for each domain."""

from domains.catalog import handlers as catalog
from domains.inventory import handlers as inventory
from domains.notifications import handlers as notifications
from domains.orders import handlers as orders
from domains.sellers import handlers as sellers
from messaging import events as event
from messaging.subscription import on

SAGA = (
    # a purchase
    on(event.OrderPaid, inventory.deduct_stock, sellers.record_sales, notifications.tell_buyer_and_sellers),
    on(event.StockDeducted, sellers.note_deduction, orders.note_receipt),
    on(event.SaleRecorded, orders.note_receipt),
    on(event.NotificationCreated, orders.note_receipt),
    on(event.NotificationSkipped, orders.note_receipt),
    on(event.NotificationSent, orders.note_delivery),
    on(event.NotificationFailed, orders.note_delivery),
    on(event.BookSold, notifications.tell_of_sold_out_listing),
    # a purchase that fails or is undone
    on(event.OrderPaymentFailed, notifications.tell_of_failed_payment),
    on(event.StockDeductionFailed, orders.cancel_and_refund),
    on(event.OrderCancelled, inventory.return_stock, sellers.reverse_sales, notifications.tell_of_cancellation),
    on(event.OrderRefunded, inventory.restock_refunded, sellers.reduce_sales, notifications.tell_of_refund),
    on(event.StockReleased, orders.note_receipt),
    on(event.SaleReversed, orders.note_receipt),
    # what is for sale
    on(event.BookAdded, sellers.learn_book),
    on(event.BookChanged, sellers.learn_book),
    on(event.ListingPublished, inventory.accept_listing),
    on(event.ListingChanged, inventory.accept_listing),
    on(event.ListingWithdrawn, inventory.accept_listing),
    on(event.StockItemChanged, sellers.note_stock),
    on(event.BookStockUpdated, catalog.refresh_offers),
    # who sells
    on(event.SellerRegistered, notifications.learn_seller),
    on(event.SellerUpdated, notifications.learn_seller),
)
