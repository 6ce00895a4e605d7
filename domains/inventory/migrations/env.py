"""Runs the migrations of the inventory domain on the connection that kernel.migrations hands to Alembic."""

from domains.inventory.tables import metadata
from kernel.migrations import run

run(metadata)
