"""Who sees which part of the schema: a decision for every field of every type beneath the roots.

A type is in one table. What everybody sees leads only to what everybody sees; what belongs to somebody is reached
through a gate: a root field or a desk, each of which tests/graph/test_access_matrix.py asks as six people.
"""

from __future__ import annotations

_ERROR = "code message path"

EVERYBODY = {
    "Book": "id isbn title authors year language rating stock offers",
    "BookConnection": "edges nodes pageInfo",
    "BookEdge": "cursor node",
    "BookStock": "isbn total sellers minPrice maxPrice averagePrice version updatedAt",
    "Error": _ERROR,
    "Money": "amount currency minorUnits",
    "Offer": "id condition price available location book seller",
    "OfferConnection": "edges nodes pageInfo",
    "OfferEdge": "cursor node",
    "PageInfo": "hasNextPage hasPreviousPage startCursor endCursor",
    "Seller": "id displayName booksSold rating registeredAt",
    "StockUpdate": "isbn stock version isSnapshot",
}
"""Whoever comes, without a token too."""

VIEWERS = {
    "Address": "name line1 line2 postalCode city region country",
    "AmountMismatch": f"{_ERROR} agreed total",
    "CannotCancel": _ERROR,
    "Cart": "id version lines total problems",
    "CartEmpty": _ERROR,
    "CartLine": "isbn title quantity unitPrice total available currentPrice offerId offer book",
    "CartRejected": f"{_ERROR} problems",
    "CheckoutCompleted": "order replayed",
    "CheckoutInProgress": f"{_ERROR} order",
    "CheckoutPending": "order nextAction",
    "CheckoutRejected": f"{_ERROR} problems cart failedOrder",
    "Delivery": "channel status at reason",
    "IdempotencyKeyReused": _ERROR,
    "InvalidField": _ERROR,
    "Notification": "id kind subject body sequence createdAt readAt status deliveries order",
    "NotificationConnection": "edges nodes pageInfo",
    "NotificationEdge": "cursor node",
    "NotificationPreference": "kind channel enabled",
    "NotificationPreferences": "preferences",
    "NotificationUpdate": "notification unread cursor version isSnapshot",
    "NotificationsMarkedRead": "marked unread",
    "OfferGone": f"{_ERROR} offerId",
    "Order": "id number status paymentStatus version settled placedAt paidAt lines total refunded deliveryAddress"
    " timeline actions cancelReason refunds",
    "OrderCancelled": "order",
    "OrderConnection": "edges nodes pageInfo",
    "OrderEdge": "cursor node",
    "OrderLine": "id isbn title condition quantity unitPrice total book seller offer",
    "OrderNotFound": _ERROR,
    "OrderUpdate": "order version change isSnapshot",
    "OutOfStock": f"{_ERROR} wanted available offer alternatives",
    "OwnBook": f"{_ERROR} offer",
    "PaymentAction": "clientSecret url",
    "PaymentDeclined": f"{_ERROR} reasonCode",
    "PriceChanged": f"{_ERROR} seen current offer",
    "Refund": "id cause status amount reason askedAt doneAt attempts failureCode lines order",
    "RefundedLine": "lineId quantity amount restock",
    "TimelineEntry": "at event domain detail",
    "UnsupportedCurrency": f"{_ERROR} supported",
    "Viewer": "id email roles cart orders notifications unreadNotifications preferences selling operating",
}
"""Whoever has signed in, of what is their own; operators see the same of everybody's orders."""

SELLERS = {
    "AlreadyRegistered": f"{_ERROR} seller",
    "CopiesAreHeld": f"{_ERROR} held",
    "DisplayNameTaken": _ERROR,
    "Listing": "id isbn condition price location publishedQuantity onHand withdrawn version publishedAt"
    " book offer stock",
    "ListingConnection": "edges nodes pageInfo",
    "ListingEdge": "cursor node",
    "ListingIsWithdrawn": _ERROR,
    "ListingNotFound": _ERROR,
    "ListingRejected": f"{_ERROR} problems",
    "ListingStock": "onHand held available version",
    "NotASeller": _ERROR,
    "Sale": "id isbn quantity amount recordedAt reversed book listing",
    "SaleConnection": "edges nodes pageInfo",
    "SaleEdge": "cursor node",
    "SaleUpdate": "desk version isSnapshot",
    "SellerDesk": "seller email statistics listings sales",
    "SellerStatistics": "booksSold revenue rating version",
    "StaleVersion": f"{_ERROR} expected current",
    "TooManyListings": f"{_ERROR} limit",
    "UnknownBook": f"{_ERROR} isbn",
}
"""The seller, of their own stall: nothing here tells who the buyers are."""

OPERATORS = {
    "BookAlreadyKnown": f"{_ERROR} isbn book",
    "BookRejected": f"{_ERROR} problems",
    "CannotRefund": _ERROR,
    "DeadLetter": "id domain event eventId body attempts error failedAt",
    "DeadLetterConnection": "edges nodes pageInfo",
    "DeadLetterEdge": "cursor node",
    "DeadLettersDiscarded": "count",
    "DeadLettersReplayed": "count",
    "OperatorDesk": "deadLetters order stuckOrders stockCheck failedRefunds outboxLag",
    "OutboxLag": "domain waiting oldest",
    "RefundConnection": "edges nodes pageInfo",
    "RefundEdge": "cursor node",
    "RefundNotFound": _ERROR,
    "RefundRequested": "refund order",
    "RefundTooHigh": f"{_ERROR} asked left",
    "StockCheck": "checked drifts next",
    "StockDrift": "isbn onHand moved held liveHolds offerId offer",
    "StuckOrder": "order reason since missing",
    "StuckOrderConnection": "edges nodes pageInfo",
    "StuckOrderEdge": "cursor node",
}
"""Operators alone."""

TABLES = {"everybody": EVERYBODY, "viewers": VIEWERS, "sellers": SELLERS, "operators": OPERATORS}
"""`Node` is in none: what can be had by its id is asked for, kind by kind."""

LEADS_TO = {
    "everybody": {"everybody"},
    "viewers": {"everybody", "viewers"},
    "sellers": {"everybody", "sellers"},
    "operators": {"everybody", "viewers", "operators"},
}
GATES = {"Viewer.selling", "Viewer.operating"}
"""Where somebody's own things lead to a desk, which is null without the role."""
SHARED = {"InvalidField", "UnsupportedCurrency", "IdempotencyKeyReused"}
"""What any mutation may answer: it tells of the asker's own input."""
