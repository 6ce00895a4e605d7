"""The GraphQL documents that the journeys send, as a frontend would have them."""

MONEY = "{ amount currency minorUnits }"

PROBLEM = f"""fragment Problem on CheckoutProblem {{
  __typename
  ... on Error {{ code message path }}
  ... on AmountMismatch {{ agreed {MONEY} total {MONEY} }}
  ... on OutOfStock {{ wanted available offer {{ id }} alternatives {{ id }} }}
  ... on PriceChanged {{ seen {MONEY} current {MONEY} offer {{ id }} }}
  ... on OfferGone {{ offerId }}
  ... on OwnBook {{ offer {{ id }} }}
  ... on PaymentDeclined {{ reasonCode }}
}}"""

CART = f"""fragment CartParts on Cart {{
  version
  total {MONEY}
  lines {{ offerId isbn title quantity available unitPrice {MONEY} currentPrice {MONEY} total {MONEY} }}
  problems {{ ...Problem }}
}}
{PROBLEM}"""

ORDER = f"""fragment OrderParts on Order {{
  id number status paymentStatus version settled placedAt paidAt actions
  total {MONEY}
  lines {{ isbn title quantity unitPrice {MONEY} seller {{ id displayName }} offer {{ id available }} }}
  deliveryAddress {{ name line1 line2 postalCode city region country }}
  timeline {{ at event domain detail }}
}}"""

OUTCOME = f"""fragment Outcome on CheckoutResult {{
  __typename
  ... on Error {{ code message path }}
  ... on CheckoutCompleted {{ replayed order {{ ...OrderParts }} }}
  ... on CheckoutPending {{ order {{ ...OrderParts }} nextAction {{ clientSecret url }} }}
  ... on CheckoutInProgress {{ order {{ ...OrderParts }} }}
  ... on CheckoutRejected {{
    problems {{ ...Problem }} cart {{ ...CartParts }} failedOrder {{ ...OrderParts }}
  }}
}}
{ORDER}
{CART}"""

# --- buying -----------------------------------------------------------------------------------------------------

SEARCH = """query Search($words: String, $filter: BookFilter) {
  books(search: $words, filter: $filter) { nodes { isbn title offers { nodes { id available } } } }
}"""
BOOK = f"""query Book($isbn: ISBN!) {{
  book(isbn: $isbn) {{
    isbn title
    stock {{ total sellers version minPrice {MONEY} maxPrice {MONEY} averagePrice {MONEY} }}
    offers {{ nodes {{ id available location condition price {MONEY} seller {{ id displayName }} }} }}
  }}
}}"""
VIEWED_CART = f"""query Cart {{ me {{ cart {{ ...CartParts }} }} }}
{CART}"""
ADD_TO_CART = f"""mutation AddToCart($input: AddToCartInput!) {{
  addToCart(input: $input) {{
    __typename
    ... on Cart {{ ...CartParts }}
    ... on CartRejected {{ code message path problems {{ ...Problem }} }}
  }}
}}
{CART}"""
SET_CART_LINE = ADD_TO_CART.replace("AddToCart", "SetCartLine").replace("addToCart", "setCartLine")
CLEAR_CART = "mutation ClearCart { clearCart { ... on Cart { version lines { quantity } } } }"
CHECKOUT = f"""mutation Checkout($input: CheckoutInput!) {{ checkout(input: $input) {{ ...Outcome }} }}
{OUTCOME}"""
CHECKOUT_ATTEMPT = f"""query Attempt($key: ID!) {{ checkoutAttempt(idempotencyKey: $key) {{ ...Outcome }} }}
{OUTCOME}"""
FIND_ORDER = f"""query FindOrder($by: OrderLookup!) {{ order(by: $by) {{ ...OrderParts }} }}
{ORDER}"""
ORDERS = """query Orders($status: OrderStatus, $first: Int, $after: String) {
  me { orders(status: $status, first: $first, after: $after) {
    nodes { id number status } pageInfo { hasNextPage endCursor }
  } }
}"""
NODE = """query Node($id: ID!) { node(id: $id) { __typename id } }"""

# --- undoing ----------------------------------------------------------------------------------------------------

REFUND = f"""fragment RefundParts on Refund {{
  id cause status reason askedAt doneAt attempts failureCode amount {MONEY}
  lines {{ lineId quantity restock amount {MONEY} }}
}}"""
UNDONE_ORDER = f"""fragment UndoneOrder on Order {{
  ...OrderParts cancelReason refunded {MONEY} lines {{ id }} refunds {{ ...RefundParts }}
}}
{ORDER}
{REFUND}"""
CANCEL_ORDER = f"""mutation CancelOrder($input: CancelOrderInput!) {{
  cancelOrder(input: $input) {{
    __typename
    ... on Error {{ code message path }}
    ... on OrderCancelled {{ order {{ ...UndoneOrder }} }}
  }}
}}
{UNDONE_ORDER}"""
REFUND_ORDER = f"""mutation RefundOrder($input: RefundOrderInput!) {{
  refundOrder(input: $input) {{
    __typename
    ... on Error {{ code message path }}
    ... on RefundTooHigh {{ asked {MONEY} left {MONEY} }}
    ... on RefundRequested {{ refund {{ ...RefundParts }} order {{ ...UndoneOrder }} }}
  }}
}}
{UNDONE_ORDER}"""
RETRY_REFUND = f"""mutation RetryRefund($input: RetryRefundInput!) {{
  retryRefund(input: $input) {{
    __typename
    ... on Error {{ code message path }}
    ... on RefundRequested {{ refund {{ ...RefundParts }} }}
  }}
}}
{REFUND}"""
ANY_ORDER = f"""query AnyOrder($by: OrderLookup!) {{ me {{ operating {{ order(by: $by) {{ ...UndoneOrder }} }} }} }}
{UNDONE_ORDER}"""
FAILED_REFUNDS = f"""query FailedRefunds($first: Int, $after: String) {{
  me {{ operating {{ failedRefunds(first: $first, after: $after) {{
    nodes {{ ...RefundParts order {{ id number }} }} pageInfo {{ hasNextPage endCursor }}
  }} }} }}
}}
{REFUND}"""
UNDOING_UPDATES = f"""subscription UndoingUpdates($orderId: ID!) {{
  orderUpdates(orderId: $orderId) {{ version isSnapshot change {{ event domain }} order {{ ...UndoneOrder }} }}
}}
{UNDONE_ORDER}"""

# --- selling ----------------------------------------------------------------------------------------------------

ADD_BOOK = """mutation AddBook($input: AddBookInput!) {
  addBook(input: $input) {
    __typename
    ... on Book { isbn title }
    ... on BookRejected { code problems { __typename ... on Error { code message path } } }
  }
}"""
REGISTER = """mutation Register($input: RegisterSellerInput!) {
  registerSeller(input: $input) {
    __typename
    ... on Error { code message path }
    ... on AlreadyRegistered { seller { id } }
    ... on Seller { id displayName booksSold }
  }
}"""
LISTING = f"""fragment ListingParts on Listing {{
  id isbn version withdrawn publishedQuantity onHand condition location price {MONEY}
  offer {{ id }} stock {{ onHand held available version }}
}}"""
PUBLISH = f"""mutation Publish($input: PublishListingInput!) {{
  publishListing(input: $input) {{
    __typename
    ... on Listing {{ ...ListingParts }}
    ... on ListingRejected {{ code message path problems {{ __typename ... on Error {{ code message path }} }} }}
  }}
}}
{LISTING}"""
VIEWED_LISTING = f"""query Listing($id: ID!) {{ node(id: $id) {{ ...ListingParts }} }}
{LISTING}"""
CHANGE_LISTING = f"""mutation ChangeListing($input: ChangeListingInput!) {{
  changeListing(input: $input) {{
    __typename
    ... on Error {{ code message path }}
    ... on StaleVersion {{ expected current }}
    ... on Listing {{ ...ListingParts }}
  }}
}}
{LISTING}"""
WITHDRAW_LISTING = CHANGE_LISTING.replace("ChangeListing", "WithdrawListing").replace(
    "changeListing", "withdrawListing"
)
ADJUST_STOCK = """mutation AdjustStock($input: AdjustStockInput!) {
  adjustStock(input: $input) {
    __typename
    ... on Error { code message path }
    ... on StaleVersion { expected current }
    ... on CopiesAreHeld { held }
    ... on ListingStock { onHand held available version }
  }
}"""
DESK = f"""query Desk {{ me {{ selling {{
  seller {{ id displayName booksSold }} email
  statistics {{ booksSold revenue {MONEY} version }}
  listings {{ nodes {{ id withdrawn onHand }} }}
  sales {{ nodes {{ isbn quantity reversed amount {MONEY} listing {{ id }} }} }}
}} }} }}"""

# --- messages ---------------------------------------------------------------------------------------------------

MESSAGES = """query Messages($unreadOnly: Boolean) { me {
  unreadNotifications
  notifications(unreadOnly: $unreadOnly) {
    nodes { id kind subject body sequence readAt status deliveries { channel status } order { id } }
  }
} }"""
MARK_READ = """mutation MarkRead($input: MarkNotificationsReadInput!) {
  markNotificationsRead(input: $input) {
    __typename
    ... on Error { code message path }
    ... on NotificationsMarkedRead { marked unread }
  }
}"""
SET_PREFERENCE = """mutation SetPreference($input: SetNotificationPreferenceInput!) {
  setNotificationPreference(input: $input) {
    __typename
    ... on Error { code message path }
    ... on NotificationPreferences { preferences { kind channel enabled } }
  }
}"""

# --- live -------------------------------------------------------------------------------------------------------

ORDER_UPDATES = f"""subscription OrderUpdates($orderId: ID!) {{
  orderUpdates(orderId: $orderId) {{ version isSnapshot change {{ event domain }} order {{ ...OrderParts }} }}
}}
{ORDER}"""
MY_ORDERS = """subscription MyOrders {
  myOrders { version isSnapshot change { event } order { id status settled version } }
}"""
STOCK_UPDATES = f"""subscription StockUpdates($isbns: [ISBN!]!) {{
  stockUpdates(isbns: $isbns) {{
    isbn version isSnapshot
    stock {{ total sellers version minPrice {MONEY} maxPrice {MONEY} averagePrice {MONEY} }}
  }}
}}"""
NOTIFICATIONS = """subscription Notifications($after: String) {
  notifications(after: $after) { isSnapshot version cursor unread notification { id kind subject sequence } }
}"""
SALES = f"""subscription Sales {{
  sales {{ version isSnapshot desk {{ statistics {{ booksSold revenue {MONEY} }} }} }}
}}"""
