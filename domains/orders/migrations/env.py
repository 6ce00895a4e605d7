"""Runs the migrations of the orders domain on the connection that kernel.migrations hands to Alembic."""

from domains.orders.tables import metadata
from kernel.migrations import run

run(metadata)
