"""The stories of the demo: each a function that reads as it is told, and raises Complaint where it goes otherwise."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from app.demo.shopper import Operator, Shopper
from app.demo.stage import Stage, require
from app.demo.watching import Answer

RIVALS = 8
"""How many buyers want the last copy."""


@dataclass(frozen=True)
class Story:
    """What `--story` names; `crowd` when it takes more people than a single token speaks for."""

    name: str
    play: Callable[[Stage], Awaitable[None]]
    crowd: bool = False

    @property
    def title(self) -> str:
        """What it is about, in a line."""
        return (self.play.__doc__ or "").splitlines()[0].rstrip(".")


async def purchase(stage: Stage) -> None:
    """One purchase."""
    async with buyer_on(stage) as buyer:
        news = await buyer.signs_in_to_the_news()
        choice, bought = await buyer.buys()
        order = await buyer.follows(bought)
        await order.settles()
        await news.tells()
        await choice.stock.becomes("see the stock after", lambda total: total < choice.stock.before)


async def declined_card(stage: Stage) -> None:
    """A card is declined: nothing is charged or held, the cart stays, and another card pays."""
    async with buyer_on(stage) as buyer:
        choice = await buyer.fills_the_cart()
        refused = await buyer.checks_out(choice, name="check out with a card that is declined", method="card-declined")
        require(refused["__typename"] == "CheckoutRejected", told_type(refused))
        order = await buyer.follows(refused["failedOrder"])
        await order.until("payment failed", lambda order: order["status"] == "PAYMENT_FAILED" and order["settled"])
        await choice.stock.becomes("see the copy back", lambda total: total >= choice.stock.before)
        require(await buyer.cart_lines() == 1, "the cart was emptied")
        paid = await buyer.checks_out(choice, name="check out with another card")
        require(paid["__typename"] == "CheckoutCompleted", told_type(paid))


async def lost_answer(stage: Stage) -> None:
    """The answer to a checkout gets lost: its key finds it, and the same again buys nothing twice."""
    async with buyer_on(stage) as buyer:
        choice, key = await buyer.fills_the_cart(), secrets.token_hex(8)
        before = await buyer.orders()
        await buyer.loses_the_answer(choice, key)
        found = await buyer.asks_what_became_of(key)
        require(found["__typename"] == "CheckoutCompleted", told_type(found))
        again = await buyer.checks_out(choice, name="send the same again", key=key)
        require(again["__typename"] == "CheckoutCompleted" and again["replayed"], told_type(again))
        new = [number for number in await buyer.orders() if number not in before]
        require(new == [found["order"]["number"]], f"there are {len(new)} new orders")


async def last_copy(stage: Stage) -> None:
    """Eight buyers want the last copy: one gets it, the others hear what else there is."""
    async with AsyncExitStack() as crowd:
        buyers = [await crowd.enter_async_context(buyer_on(stage)) for _ in range(RIVALS)]
        choice = await buyers[0].fills_the_cart(of_the_last=True)
        await asyncio.gather(*(buyer.adds(choice.offer_id, 1) for buyer in buyers[1:]))
        async with stage.step(f"{RIVALS} buyers check out at once"):
            results = await asyncio.gather(*(buyer.asks_for(choice) for buyer in buyers))
        for outcome, count in sorted(Counter(map(_fate, results)).items()):
            stage.tell(f"{count} of {RIVALS}: {outcome}")
        winners = [result["order"] for result in results if result["__typename"] == "CheckoutCompleted"]
        require(len(winners) == 1, f"{len(winners)} of them got the copy")
        order = await buyers[_winner(results)].follows(winners[0])
        await order.settles()


async def cancellation(stage: Stage) -> None:
    """A buyer cancels: the copy is back on the shelf, the money is back, everybody is told."""
    async with buyer_on(stage) as buyer:
        news = await buyer.signs_in_to_the_news()
        choice, bought = await buyer.buys()
        order = await buyer.follows(bought)
        await order.settles()
        await choice.stock.becomes("see the copy gone", lambda total: total < choice.stock.before)
        cancelled = await buyer.cancels(bought, "Found it on my own shelf")
        require(cancelled["__typename"] == "OrderCancelled", told_type(cancelled))
        await order.until("cancelled and settled", lambda order: order["status"] == "CANCELLED" and _all_back(order))
        await choice.stock.becomes("see the copy back", lambda total: total > choice.stock.before)
        await news.tells(of="cancelled")


async def refund(stage: Stage) -> None:
    """An operator gives back one of two copies' money, and then the rest."""
    async with buyer_on(stage) as buyer, stage.entered(role="operator") as desk:
        operator = Operator(stage, desk)
        choice, bought = await buyer.buys(copies=2)
        order = await buyer.follows(bought)
        await order.settles()
        await choice.stock.becomes("see the copies gone", lambda total: total < choice.stock.before)
        one = [{"lineId": bought["lines"][0]["id"], "quantity": 1}]
        asked = await operator.refunds(bought, "A torn page", "refund one copy, restocked", lines=one, restock=True)
        require(asked["__typename"] == "RefundRequested", told_type(asked))
        await order.until(
            "partly refunded", lambda order: order["paymentStatus"] == "PARTLY_REFUNDED" and order["settled"]
        )
        await choice.stock.becomes("see one copy back", lambda total: total > choice.stock.before)
        asked = await operator.refunds(bought, "The other one too", "refund the rest")
        require(asked["__typename"] == "RefundRequested", told_type(asked))
        await order.until("refunded", _all_back)


async def confirmed_card(stage: Stage) -> None:
    """The bank asks the buyer to confirm the payment (3-D Secure), and the order is paid when the buyer has."""
    async with buyer_on(stage) as buyer:
        choice = await buyer.fills_the_cart()
        pending = await buyer.checks_out(choice, name="check out with a card to be confirmed", method="card-3ds")
        require(pending["__typename"] == "CheckoutPending" and bool(pending["nextAction"]), told_type(pending))
        order = await buyer.follows(pending["order"])
        await buyer.opens_page(f"{pending['nextAction']['url']}/approve", "confirm on the bank's page")
        await order.until("paid and settled", lambda order: order["status"] == "PAID" and order["settled"])


async def unknown_payment(stage: Stage) -> None:
    """The payment provider does not answer: the order waits, and the sweep finds out that the money was taken."""
    async with buyer_on(stage) as buyer:
        choice = await buyer.fills_the_cart()
        pending = await buyer.checks_out(
            choice, name="check out, and the provider does not answer", method="card-timeout-charged"
        )
        require(pending["__typename"] == "CheckoutPending", told_type(pending))
        order = await buyer.follows(pending["order"])
        second = await buyer.checks_out(choice, name="check out again meanwhile")
        require(second["__typename"] == "CheckoutInProgress", told_type(second))
        stage.tell(f"a sweep asks the provider once the charge is overdue; given up after {stage.sweep_seconds:g} s")
        await order.until(
            "paid and settled",
            lambda order: order["status"] == "PAID" and order["settled"],
            within=stage.sweep_seconds,
        )


STORIES = (
    Story("purchase", purchase),
    Story("declined-card", declined_card),
    Story("confirmed-card", confirmed_card),
    Story("lost-answer", lost_answer),
    Story("last-copy", last_copy, crowd=True),
    Story("cancellation", cancellation),
    Story("refund", refund, crowd=True),
    Story("unknown-payment", unknown_payment),
)


@asynccontextmanager
async def buyer_on(stage: Stage) -> AsyncIterator[Shopper]:
    """A buyer of the story, whose cart is empty."""
    async with stage.entered() as client:
        await (buyer := Shopper(stage, client)).require_empty_cart()
        yield buyer


def told_type(result: Answer) -> str:
    """What an answer was that should have been another one."""
    return f"{result['__typename']}, {result.get('message', 'without a message')}"


def _all_back(order: Answer) -> bool:
    return order["paymentStatus"] == "REFUNDED" and order["settled"]


def _winner(results: list[Answer]) -> int:
    return next(place for place, result in enumerate(results) if result["__typename"] == "CheckoutCompleted")


def _fate(result: Answer) -> str:
    if result["__typename"] == "CheckoutCompleted":
        return f"order {result['order']['number']} is {result['order']['status']}"
    problem = result.get("problems", [result])[0]
    others = problem.get("alternatives", [])
    return f"{problem['message'].rstrip('.')}; {len(others) or 'no'} other {'offer' if len(others) == 1 else 'offers'}"
