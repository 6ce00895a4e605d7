"""A database of the notifications of each kind, real mail files, and the service over both."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.mail import EmlFiles
from domains.notifications import NotificationsService
from kernel.database import Database
from tests.databases import Databases, opened


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[Database]:
    async with opened(await databases.empty("notifications"), "notifications") as database:
        yield database


@pytest.fixture
def mail_folder(tmp_path: Path) -> Path:
    return tmp_path / "mail"


@pytest.fixture
def service(database: Database, mail_folder: Path) -> NotificationsService:
    return NotificationsService(database, EmlFiles(mail_folder), sender="Bookstall <shop@bookstall.example>")
