"""What is called from outside for payments: Stripe's events, and the page where a mock provider's buyer approves."""

from __future__ import annotations

from starlette.routing import BaseRoute

from app.payments import MockPayments
from app.payments.mock_page import MockPage
from app.wiring import Shop


def payment_routes(shop: Shop) -> list[BaseRoute]:
    """The routes of the provider that the settings name."""
    orders, settings = shop.services.orders, shop.settings
    if isinstance(shop.payments, MockPayments):
        return MockPage(shop.payments, orders).routes()
    from app.payments.stripe import StripePayments
    from app.payments.stripe_news import StripeNews
    from app.payments.stripe_webhook import StripeWebhook

    if not isinstance(shop.payments, StripePayments):
        return []
    news = StripeNews(shop.payments, settings.stripe_webhook_secret.get_secret_value())
    return StripeWebhook(news, orders).routes()
