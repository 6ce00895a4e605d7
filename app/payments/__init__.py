"""Whoever takes the money: the mock provider with its ledger, Stripe, or nobody."""

from app.payments.ledger import LedgerEntry, Verdict, read_ledger
from app.payments.mock import MockPayments
from app.payments.nobody import NoPayments
from app.payments.watched import WatchedPayments

__all__ = ["LedgerEntry", "MockPayments", "NoPayments", "Verdict", "WatchedPayments", "read_ledger"]
