"""`/mock-payments/<charge>`: where the buyer of `card-3ds` approves or declines, as on the page of a bank."""

from __future__ import annotations

from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from app.payments.ledger import LedgerEntry, Verdict
from app.payments.mock import PAGE, MockPayments, order_of
from domains.orders import NotCharged, OrdersService
from graph.headers import SAFE_PAGE
from kernel.database import DatabaseError
from kernel.logging import correlated, log

FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 28rem; margin: 4rem auto; padding: 0 1rem;
  color: #222; background: #fff }}
form {{ display: inline }}
button {{ font: inherit; padding: .5rem 1.5rem; margin-right: 1rem; cursor: pointer }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""
QUESTION = """<p>A bank would ask you now. This one is made up, and moves no money.</p>
<p>Pay <strong>{amount}</strong>?</p>
<form method="post" action="{page}/approve"><button>Approve</button></form>
<form method="post" action="{page}/decline"><button>Decline</button></form>"""
ENDS = {
    Verdict.CAPTURED: ("Approved", "The order is paid. You can close this page."),
    Verdict.REFUSED: ("Declined", "Nothing was paid. You can close this page."),
    Verdict.VOIDED: ("Too late", "The order has ended, and nothing was paid. You can close this page."),
}

_log = log(__name__)


class MockPage:
    """Asks the buyer, and tells orders of the answer."""

    def __init__(self, payments: MockPayments, orders: OrdersService) -> None:
        self._payments = payments
        self._orders = orders

    def routes(self) -> list[BaseRoute]:
        """The page, and what its two buttons send."""
        return [
            Route(f"{PAGE}/{{reference}}", self.page, methods=["GET"]),
            Route(f"{PAGE}/{{reference}}/approve", self.approve, methods=["POST"]),
            Route(f"{PAGE}/{{reference}}/decline", self.decline, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """The question, or how it was answered."""
        reference = request.path_params["reference"]
        entry = self._payments.standing(reference)
        return _page(reference, entry) if entry else _unknown()

    async def approve(self, request: Request) -> Response:
        """The buyer approves."""
        return await self._answered(request, approved=True)

    async def decline(self, request: Request) -> Response:
        """The buyer declines."""
        return await self._answered(request, approved=False)

    async def _answered(self, request: Request, *, approved: bool) -> Response:
        reference = request.path_params["reference"]
        if self._payments.standing(reference) is None:
            return _unknown()
        with correlated(None):
            outcome = self._payments.answer(reference, approved=approved)
            try:
                if not isinstance(outcome, NotCharged):  # whoever voided the charge says why
                    await self._orders.record_outcome(order_of(reference), outcome)
            except DatabaseError as error:  # the sweep hears of it from the ledger
                _log.warning("an answer could not be recorded", reason=type(error).__name__)
                return _written("Not yet", "<p>The shop will hear of your answer in a minute.</p>", status=503)
            except LookupError:  # the ledger of another shop's databases
                return _unknown()
        return RedirectResponse(f"{PAGE}/{reference}", status_code=303, headers=SAFE_PAGE)


def _page(reference: str, entry: LedgerEntry) -> Response:
    if entry.verdict is Verdict.WAITING:
        amount = entry.amount.formatted() if entry.amount else ""
        body = QUESTION.format(amount=escape(amount), page=escape(f"{PAGE}/{reference}"))
        return _written("Is it you who pays?", body)
    title, sentence = ENDS.get(entry.verdict, ("Under way", "Nobody has to approve this payment."))
    return _written(title, f"<p>{sentence}</p>")


def _unknown() -> Response:
    return _written("No such payment", "<p>There is no payment of this name.</p>", status=404)


def _written(title: str, body: str, *, status: int = 200) -> Response:
    return HTMLResponse(FRAME.format(title=title, body=body), status, SAFE_PAGE)
