"""What messages say: one template for each kind, its first line the subject."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from kernel.money import Money
from messaging.events import NotificationKind, OrderItem

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Text(NamedTuple):
    """A message in plain text; the subject is one line."""

    subject: str
    body: str


class Line(NamedTuple):
    """One line of an order as a message shows it."""

    quantity: int
    title: str
    price: str


def write(kind: NotificationKind, **facts: Any) -> Text:
    """The text of a kind; UndefinedError where a fact is missing that the template names."""
    subject, _, body = _TEMPLATES.get_template(f"{kind.lower()}.txt").render(facts).partition("\n")
    return Text(" ".join(subject.split()), body.strip() + "\n")


def show_lines(items: Iterable[OrderItem], currency: str) -> list[Line]:
    """The lines of an order; a book without a known title goes by its ISBN."""
    return [
        Line(item.quantity, item.title or f"ISBN {item.book_isbn}", show_amount(item.unit_price, currency))
        for item in items
    ]


def show_amount(minor: int, currency: str) -> str:
    """An amount for people: `€12.50`."""
    return Money(minor, currency).formatted()


def show_order(number: str, order_id: UUID) -> str:
    """How people call an order."""
    return number or str(order_id)


def show_reason(code: str) -> str:
    """A reason code as words: `OUT_OF_STOCK` is `out of stock`. What somebody wrote stays as it is."""
    return code.replace("_", " ").lower() if code.isupper() else code
