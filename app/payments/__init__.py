"""Whoever takes the money: the mock provider with its ledger, or Stripe."""

from app.payments.ledger import LedgerEntry, Verdict, read_ledger
from app.payments.mock import MockPayments
from app.payments.watched import WatchedPayments

__all__ = ["LedgerEntry", "MockPayments", "Verdict", "WatchedPayments", "read_ledger"]
