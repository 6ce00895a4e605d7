"""The GraphQL documents that the demo sends, as a frontend would have them."""

MONEY = "{ amount currency }"
PAGE = 20
"""How many books a search shows."""

SEARCH = f"""query DemoSearch($words: String) {{
  books(search: $words, filter: {{ available: true }}, first: {PAGE}) {{
    nodes {{
      isbn title authors
      offers(first: 5) {{ nodes {{ id available price {MONEY} seller {{ displayName }} }} }}
    }}
  }}
}}"""
CART = "query DemoCart { me { cart { lines { quantity } } } }"
CLEAR_CART = "mutation DemoClearCart { clearCart { __typename } }"
ADD_TO_CART = f"""mutation DemoAddToCart($input: AddToCartInput!) {{
  addToCart(input: $input) {{
    ... on Cart {{ total {MONEY} }}
    ... on CartRejected {{ problems {{ ... on Error {{ code message }} }} }}
  }}
}}"""
ORDERS = "query DemoOrders { me { orders { nodes { number } } } }"

# --- checkouts --------------------------------------------------------------------------------------------------

OUTCOME = f"""fragment Outcome on CheckoutResult {{
  __typename
  ... on Error {{ code message }}
  ... on CheckoutCompleted {{ replayed order {{ ...Bought }} }}
  ... on CheckoutPending {{ order {{ ...Bought }} nextAction {{ url }} }}
  ... on CheckoutInProgress {{ order {{ ...Bought }} }}
  ... on CheckoutRejected {{
    problems {{ __typename ... on Error {{ code message }} ... on OutOfStock {{ alternatives {{ id }} }} }}
    failedOrder {{ ...Bought }}
  }}
}}
fragment Bought on Order {{ id number status paymentStatus total {MONEY} lines {{ id quantity }} }}"""
CHECKOUT = f"""mutation DemoCheckout($input: CheckoutInput!) {{ checkout(input: $input) {{ ...Outcome }} }}
{OUTCOME}"""
CHECKOUT_ATTEMPT = f"""query DemoAttempt($key: ID!) {{ checkoutAttempt(idempotencyKey: $key) {{ ...Outcome }} }}
{OUTCOME}"""

# --- undoing ----------------------------------------------------------------------------------------------------

CANCEL_ORDER = """mutation DemoCancel($input: CancelOrderInput!) {
  cancelOrder(input: $input) {
    __typename
    ... on Error { message }
    ... on OrderCancelled { order { number status paymentStatus } }
  }
}"""
REFUND_ORDER = f"""mutation DemoRefund($input: RefundOrderInput!) {{
  refundOrder(input: $input) {{
    __typename
    ... on Error {{ message }}
    ... on RefundRequested {{ refund {{ amount {MONEY} status }} }}
  }}
}}"""

# --- live -------------------------------------------------------------------------------------------------------

WATCH_STOCK = f"""subscription DemoStock($isbns: [ISBN!]!) {{
  stockUpdates(isbns: $isbns) {{ version isSnapshot stock {{ total minPrice {MONEY} }} }}
}}"""
FOLLOW_ORDER = f"""subscription DemoOrder($id: ID!) {{
  orderUpdates(orderId: $id) {{
    version order {{ status paymentStatus settled refunded {MONEY} timeline {{ event domain }} }}
  }}
}}"""
NOTIFICATIONS = """subscription DemoNotifications {
  notifications { isSnapshot notification { subject } }
}"""
