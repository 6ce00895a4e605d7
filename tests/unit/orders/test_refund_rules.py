"""What a refund comes to, how it is shared, where it leaves the money of an order, and when it is tried again."""

from datetime import UTC, datetime
from itertools import combinations_with_replacement
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.orders import (
    CannotRefund,
    OrderLine,
    PaymentStatus,
    Refund,
    RefundCause,
    RefundedLine,
    RefundLine,
    RefundOrder,
    RefundStatus,
    RefundTooHigh,
)
from domains.orders.refund import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    pause_seconds,
    payment_status_of,
    shares_of,
)
from domains.orders.refund_rules import lines_left, plan
from kernel.books import Grade
from kernel.errors import InvalidField
from kernel.money import Money

DONE, PENDING, FAILED = RefundStatus.DONE, RefundStatus.PENDING, RefundStatus.FAILED


def euros(cents: int) -> Money:
    """So many cents."""
    return Money(cents, "EUR")


def line_of(price: int, quantity: int) -> OrderLine:
    """Copies as they were bought."""
    return OrderLine(uuid4(), uuid4(), "9780141439518", "Emma", uuid4(), "bob", quantity, euros(price), Grade.GOOD)


def asking(*lines: RefundLine, amount: Money | None = None, restock: bool = False) -> RefundOrder:
    """What an operator asks for."""
    return RefundOrder(
        operator_id="olga",
        order_id=uuid4(),
        idempotency_key="key",
        reason="Torn",
        lines=lines,
        amount=amount,
        restock=restock,
    )


def refund_of(*shares: RefundedLine) -> Refund:
    """A refund that was written down."""
    amount = euros(sum(share.amount.minor for share in shares))
    now = datetime.now(UTC)
    return Refund(uuid4(), uuid4(), RefundCause.OPERATOR, PENDING, amount, "", now, None, None, 0, shares)


@given(weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=8).filter(any), data=st.data())
def test_shares_add_up_and_none_is_more_than_its_weight(weights: list[int], data: st.DataObject) -> None:
    amount = data.draw(st.integers(0, sum(weights)))
    shares = shares_of(amount, weights)
    assert sum(shares) == amount
    for share, weight in zip(shares, weights, strict=True):
        assert 0 <= share <= weight
        assert abs(share - amount * weight / sum(weights)) < 1


def test_the_largest_remainders_are_rounded_up() -> None:
    assert shares_of(100, [1, 1, 1]) == [34, 33, 33]
    assert shares_of(10, [333, 333, 334]) == [3, 3, 4]
    assert shares_of(7, [1, 0, 0]) == [7, 0, 0]


@given(
    lines=st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5)), min_size=1, max_size=5),
    data=st.data(),
)
def test_refunds_one_after_the_other_take_all_and_no_more(lines: list[tuple[int, int]], data: st.DataObject) -> None:
    """However they are asked for, and whatever of it is refused: no line gives more than it has, in copies or money."""
    ordered = [line_of(*line) for line in lines]
    total = sum(line.unit_price.minor * line.quantity for line in ordered)
    refunds: list[Refund] = []
    for _ in range(data.draw(st.integers(0, 5))):
        named = data.draw(st.lists(st.sampled_from(ordered), unique_by=lambda line: line.id, max_size=3))
        wanted = [RefundLine(order_line_id=line.id, quantity=data.draw(st.integers(1, 5))) for line in named]
        amount = data.draw(st.none() | st.integers(1, total).map(euros))
        answer = plan(asking(*wanted, amount=amount), lines_left(ordered, refunds), "EUR")
        if isinstance(answer, tuple):
            refunds.append(refund_of(*answer))
            assert amount is None or refunds[-1].amount == amount
        left = lines_left(ordered, refunds)
        assert all(line.quantity >= 0 and line.amount >= 0 for line in left)
        assert sum(line.amount for line in left) + sum(refund.amount.minor for refund in refunds) == total
    rest = plan(asking(), lines_left(ordered, refunds), "EUR")
    spent = sum(refund.amount.minor for refund in refunds)
    if spent == total:
        assert isinstance(rest, CannotRefund)
    else:
        assert isinstance(rest, tuple)
        assert sum(share.amount.minor for share in rest) == total - spent


def test_each_line_is_looked_at_alone() -> None:
    """A line whose price is partly back cannot give all of it again, whatever the others could give."""
    cheap, dear = line_of(1000, 1), line_of(5000, 1)
    before = refund_of(RefundedLine(cheap.id, 0, euros(400), restock=False))
    both = [RefundLine(order_line_id=line.id, quantity=1) for line in (cheap, dear)]
    left = lines_left([cheap, dear], [before])
    assert plan(asking(*both), left, "EUR") == RefundTooHigh(asked=euros(1000), left=euros(600))
    shared = plan(asking(*both, amount=euros(5600)), left, "EUR")
    assert isinstance(shared, tuple)
    assert [share.amount for share in shared] == [euros(600), euros(5000)]


def test_an_amount_of_lines_that_have_nothing_left_is_too_high() -> None:
    spent, dear = line_of(1000, 1), line_of(5000, 1)
    before = refund_of(RefundedLine(spent.id, 1, euros(1000), restock=False))
    command = asking(RefundLine(order_line_id=spent.id, quantity=1), amount=euros(1))
    assert plan(command, lines_left([spent, dear], [before]), "EUR") == RefundTooHigh(asked=euros(1), left=euros(0))


def test_lines_that_cost_nothing_are_no_refund() -> None:
    free, dear = line_of(0, 1), line_of(1000, 1)
    answer = plan(asking(RefundLine(order_line_id=free.id, quantity=1)), lines_left([free, dear], []), "EUR")
    assert isinstance(answer, CannotRefund)


def test_a_line_of_another_order_is_told() -> None:
    answer = plan(asking(RefundLine(order_line_id=uuid4(), quantity=1)), lines_left([line_of(1000, 1)], []), "EUR")
    assert isinstance(answer, InvalidField)


@pytest.mark.parametrize(
    "statuses", [group for size in range(4) for group in combinations_with_replacement([DONE, PENDING, FAILED], size)]
)
@pytest.mark.parametrize("refunded", [0, 500, 1000])
def test_the_worst_refund_says_where_the_money_is(statuses: tuple[RefundStatus, ...], refunded: int) -> None:
    status = payment_status_of(statuses, captured=1000, refunded=refunded)
    if FAILED in statuses:
        assert status is PaymentStatus.REFUND_FAILED
    elif PENDING in statuses:
        assert status is PaymentStatus.REFUND_PENDING
    elif DONE in statuses:
        assert status is (PaymentStatus.REFUNDED if refunded == 1000 else PaymentStatus.PARTLY_REFUNDED)
    else:
        assert status is PaymentStatus.CAPTURED


@given(attempts=st.integers(1, 10_000), luck=st.floats(0, 1))
def test_pauses_grow_and_have_an_end(attempts: int, luck: float) -> None:
    pause = pause_seconds(attempts, luck)
    assert FIRST_PAUSE_SECONDS // 2 <= pause <= LONGEST_PAUSE_SECONDS
    assert pause <= pause_seconds(attempts + 1, luck)
