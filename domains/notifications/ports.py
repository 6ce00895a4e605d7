"""What notifications need from outside: somebody who takes mail."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parseaddr
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail in plain text; sent again after a crash it has the same `message_id`, so that a reader sees it once."""

    id: UUID
    sender: str
    recipient: str
    subject: str
    body: str

    @property
    def message_id(self) -> str:
        """The Message-ID header."""
        host = parseaddr(self.sender)[1].rpartition("@")[2] or "bookstall.invalid"
        return f"<{self.id}@{host}>"


class MailProvider(Protocol):
    """Hands mail on, from outside of any transaction."""

    async def send(self, mail: Mail) -> None:
        """Returns once the mail is taken; raises MailRefused or MailUnavailable. The same mail may come again."""
        ...
