"""The state table of an order's stock is the one of the design, whole."""

import pytest

from domains.inventory.model import STEPS, Step, StockState, Trigger, next_step
from kernel.errors import IllegalTransition

DESIGN = """
| state     | hold           | release     | expire     | OrderPaid             | OrderCancelled | OrderRefunded     |
| NONE      | all or nothing | -> RELEASED |            | -> DEDUCTED or FAILED | -> CANCELLED   | waits             |
| HELD      | same answer    | -> RELEASED | -> EXPIRED | -> DEDUCTED or FAILED | -> CANCELLED   | waits             |
| EXPIRED   | raises         | no-op       |            | -> DEDUCTED or FAILED | -> CANCELLED   | waits             |
| RELEASED  | raises         | no-op       |            | -> DEDUCTED or FAILED | -> CANCELLED   | waits             |
| DEDUCTED  | raises         | raises      |            | no-op                 | -> RESTOCKED   | once per refund   |
| FAILED    | raises         | raises      |            | no-op                 | -> CANCELLED   | no-op             |
| CANCELLED | raises         | no-op       |            | no-op                 | no-op          | no-op             |
| RESTOCKED | raises         | no-op       |            | no-op                 | no-op          | no-op             |
"""

MEANING = {
    "all or nothing": Step.HOLD,
    "same answer": Step.NOTHING,
    "no-op": Step.NOTHING,
    "": Step.NOTHING,
    "-> RELEASED": Step.RELEASE,
    "-> EXPIRED": Step.EXPIRE,
    "-> DEDUCTED or FAILED": Step.DEDUCT,
    "-> CANCELLED": Step.CANCEL,
    "-> RESTOCKED": Step.RESTOCK,
    "once per refund": Step.RETURN,
    "waits": Step.WAIT,
    "raises": Step.REFUSE,
}


def designed() -> dict[StockState, dict[Trigger, Step]]:
    """The table of the design, read cell by cell."""
    head, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in DESIGN.strip().splitlines()]
    return {
        StockState(state): {Trigger(name): MEANING[cell] for name, cell in zip(head[1:], cells, strict=True)}
        for state, *cells in rows
    }


def test_the_state_table_is_the_design_s() -> None:
    assert designed() == STEPS


def test_every_state_answers_every_trigger() -> None:
    assert set(STEPS) == set(StockState)
    assert all(set(row) == set(Trigger) for row in STEPS.values())


@pytest.mark.parametrize("state", StockState)
@pytest.mark.parametrize("trigger", Trigger)
def test_only_commands_are_ever_refused(state: StockState, trigger: Trigger) -> None:
    if STEPS[state][trigger] is Step.REFUSE:
        assert trigger in (Trigger.HOLD, Trigger.RELEASE)
        with pytest.raises(IllegalTransition, match=f"{state} cannot {trigger}"):
            next_step(state, trigger)
    else:
        assert next_step(state, trigger) is STEPS[state][trigger]
