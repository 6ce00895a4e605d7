"""TLS for tests: certificates, and a line that encrypts what a server sends in the clear."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.clients.line import Line

ADDRESS = "127.0.0.1"


def certificate() -> tuple[bytes, bytes]:
    """A key, and a certificate for this machine that it signed itself, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a server of a test")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(ADDRESS))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), signed.public_bytes(Encoding.PEM)


@asynccontextmanager
async def encrypting(port: int, folder: Path) -> AsyncIterator[int]:
    """A port that speaks TLS for the server behind the other one.

    The folder has its certificate as own.pem then, and that of somebody else as other.pem.
    """
    (key, own), (_, other) = certificate(), certificate()
    for name, pem in (("key.pem", key), ("own.pem", own), ("other.pem", other)):
        (folder / name).write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "own.pem", folder / "key.pem")
    line = Line(f"http://{ADDRESS}:{port}")
    async with await asyncio.start_server(line.carry, ADDRESS, 0, ssl=context) as listening:
        yield listening.sockets[0].getsockname()[1]
        line.cut()
