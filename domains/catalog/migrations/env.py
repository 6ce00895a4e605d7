"""Runs the migrations of the catalog domain on the connection that kernel.migrations hands to Alembic."""

from domains.catalog.tables import metadata
from kernel.migrations import run

run(metadata)
