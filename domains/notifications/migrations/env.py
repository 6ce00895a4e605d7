"""Runs the migrations of the notifications domain on the connection that kernel.migrations hands to Alembic."""

from domains.notifications.tables import metadata
from kernel.migrations import run

run(metadata)
