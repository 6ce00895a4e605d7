"""What docs/saga.md says of states, outcomes, sweeps, settings and stories is what the program has."""

from __future__ import annotations

from typing import get_args

from app.demo import STORIES
from app.settings import Settings
from domains.inventory.model import StockState
from domains.orders import OrderStatus, PaymentStatus
from domains.orders.payment import ActionRequired, Captured, Decision, NotCharged, NotHeld, Outcome, Refused, Unknown
from domains.orders.payment import decide as decision_on
from domains.orders.refund import RefundStatus
from tests.architecture.test_docs_are_true import ROOT, SPAN, rows

PAGE = ROOT / "docs" / "saga.md"
OUTCOMES: dict[str, Outcome] = {
    "Captured": Captured("x"),
    "Refused, NotCharged": Refused("x", "x"),
    "NotHeld": NotHeld(()),
    "ActionRequired": ActionRequired(),
    "Unknown": Unknown(),
}
TOLD = {
    Decision.PAY: "PAID",
    Decision.END: ("PAYMENT_FAILED", "REJECTED"),
    Decision.WAIT: "stays",
    Decision.REFUND: "a refund",
    Decision.KEEP: ("nothing", "stays"),
}


def states(header: str) -> list[str]:
    """The states in the first column of a table, in its order."""
    return [state for cells in rows(PAGE, header) for state in cells[0].split(", ")]


def test_the_tables_of_states_have_each_of_them() -> None:
    assert sorted(states("| state | meaning | leaves it by |")) == sorted(OrderStatus)
    assert sorted(states("| state | meaning |")) == sorted(PaymentStatus)
    text = PAGE.read_text()
    assert [state for state in (*RefundStatus, *StockState) if state not in text] == []


def test_the_table_of_outcomes_is_the_one_that_decides() -> None:
    told = rows(PAGE, f"| order | {' | '.join(OUTCOMES)} |")
    assert sorted(status for cells in told for status in cells[0].split(", ")) == sorted(OrderStatus)
    for cells in told:
        for status in cells[0].split(", "):
            for outcome, said in zip(OUTCOMES.values(), cells[1:], strict=True):
                assert said.startswith(TOLD[decision_on(OrderStatus(status), outcome)]), (status, outcome)
    assert {type(outcome) for outcome in OUTCOMES.values()} | {NotCharged} <= set(get_args(Outcome))


def test_the_table_of_sweeps_names_those_that_run() -> None:
    source = (ROOT / "app" / "worker.py").read_text()
    for name, domain, *_ in rows(PAGE, "| sweep | of | looks every | takes | and |")[:-1]:
        assert f'Sweep("{name}"' in source.partition(f'case "{domain}":')[2].partition("case ")[0], name


def test_the_settings_that_matter_are_settings() -> None:
    told = [SPAN.findall(name)[0] for name, _ in rows(PAGE, "| setting | what it decides |")]
    assert set(told) <= {f"BOOKSTALL_{name.upper()}" for name in Settings.model_fields}


def test_every_story_of_the_demo_is_told() -> None:
    told = [name for name, _ in rows(PAGE, "| story | shows |")]
    assert told == [story.name for story in STORIES]
    readme, help_text = (ROOT / "README.md").read_text(), (ROOT / "app" / "cli.py").read_text()
    assert [name for name in told if name not in readme or name not in help_text] == []
