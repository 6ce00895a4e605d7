"""Mail of the embedded form: every mail is a file in a folder, to be opened with any mail program."""

from __future__ import annotations

import asyncio
import os
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTPUTF8
from email.utils import localtime
from pathlib import Path

from domains.notifications import Mail, MailRefused, MailUnavailable
from kernel.database import outside_transaction


class EmlFiles:
    """A MailProvider that writes `<id>.eml`; a mail that comes again replaces its file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, mail: Mail) -> None:
        """Returns once the file is on the disk. Raises MailRefused for an impossible address, MailUnavailable."""
        outside_transaction("sending mail")
        try:
            message = _message(mail)
        except (MessageError, ValueError, IndexError):
            raise MailRefused("the address or the subject cannot be written into a mail") from None
        try:
            await asyncio.to_thread(self._write, self._folder / f"{mail.id}.eml", message.as_bytes(policy=SMTPUTF8))
        except OSError as error:
            raise MailUnavailable(f"the mail folder cannot be written: {error.strerror}") from None

    def _write(self, path: Path, content: bytes) -> None:
        """The whole file or none: a reader never sees half a mail."""
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)


def _message(mail: Mail) -> EmailMessage:
    """Raises MessageError, ValueError or IndexError for what cannot stand in a header."""
    message = EmailMessage(policy=SMTPUTF8)
    message["Message-ID"] = mail.message_id
    message["Date"] = localtime()
    message["From"] = mail.sender
    message["To"] = Address(addr_spec=mail.recipient)
    message["Subject"] = mail.subject
    message.set_content(mail.body)
    return message
