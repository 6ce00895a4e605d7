"""Mail as files: what a mail program finds in them, and what cannot be written."""

from email import message_from_bytes
from email.policy import default
from pathlib import Path
from uuid import uuid4

import pytest

from app.mail import EmlFiles
from domains.notifications import Mail, MailRefused, MailUnavailable


def mail(*, recipient: str = "bob@example.org", subject: str = "Your order is paid") -> Mail:
    return Mail(
        id=uuid4(),
        sender="Bookstall <shop@bookstall.example>",
        recipient=recipient,
        subject=subject,
        body="Libros de Lucía: €12.50\n",
    )


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_mail_is_a_file_that_a_mail_program_reads(tmp_path: Path) -> None:
    sent = mail(subject="Größe: €12")

    await EmlFiles(tmp_path / "mail").send(sent)

    assert names(tmp_path / "mail") == [f"{sent.id}.eml"]
    read = message_from_bytes((tmp_path / "mail" / f"{sent.id}.eml").read_bytes(), policy=default)
    assert (read["From"], read["To"], read["Subject"]) == (sent.sender, sent.recipient, "Größe: €12")
    assert read["Message-ID"] == sent.message_id
    assert read["Date"].datetime is not None
    assert read.get_content().splitlines() == sent.body.splitlines()  # pyright: ignore[reportAttributeAccessIssue]


async def test_a_mail_that_comes_again_is_one_file(tmp_path: Path) -> None:
    sent, provider = mail(), EmlFiles(tmp_path)

    await provider.send(sent)
    await provider.send(sent)

    assert names(tmp_path) == [f"{sent.id}.eml"]


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "bob",
        "bob@",
        "@example.org",
        "a b@example.org",
        "bob@example.org\nBcc: eve@example.org",
        "a@b.c, d@e.f",
        "a\0@b.c",
    ],
)
async def test_an_address_that_cannot_be_is_refused_for_good(tmp_path: Path, recipient: str) -> None:
    with pytest.raises(MailRefused):
        await EmlFiles(tmp_path).send(mail(recipient=recipient))

    assert names(tmp_path) == []


async def test_a_subject_of_two_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MailRefused):
        await EmlFiles(tmp_path).send(mail(subject="one\nBcc: eve@example.org"))


async def test_a_folder_that_cannot_be_written_may_be_later(tmp_path: Path) -> None:
    blocked = tmp_path / "mail"
    blocked.write_text("in the way")

    with pytest.raises(MailUnavailable):
        await EmlFiles(blocked).send(mail())

    blocked.unlink()
    await EmlFiles(blocked).send(mail())
    assert len(names(blocked)) == 1
