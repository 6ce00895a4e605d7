"""Runs the migrations of the sellers domain on the connection that kernel.migrations hands to Alembic."""

from domains.sellers.tables import metadata
from kernel.migrations import run

run(metadata)
