"""TLS 1.3 for the listener: our own certificate, believed by its pin."""

import asyncio.sslproto
import os
import ssl
from pathlib import Path
from typing import Final

from crypto.certificate import Certificate
from server.config import ConfigError
from server.files import write_atomic

# asyncio's read buffer per TLS connection: 256 KiB by default, which an idle
# terminal or a stranger would hold for nothing.  An envelope of the usual size comes in
# one read; a TLS record of 16 KiB takes two or three.
READ_BUFFER: Final = 8 * 1024


def refuse_key_log() -> None:
    """Refuse to start where TLS session keys would be written to a file.

    Raises:
        ConfigError: SSLKEYLOGFILE is set.
    """
    if os.environ.get("SSLKEYLOGFILE"):
        raise ConfigError("SSLKEYLOGFILE is set: TLS keys would be written to a file")


def server_context(certificate: Certificate, path: Path) -> ssl.SSLContext:
    """Return the listener's context; the certificate goes through the file ``path``.

    The ``ssl`` module loads keys from files only.  A crash leaves the file, 0600,
    with the same key as the seeds beside it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    context.num_tickets = 0  # no resumption: a session key is never kept
    present(context, certificate, path)
    asyncio.sslproto.SSLProtocol.max_size = READ_BUFFER
    return context


def present(context: ssl.SSLContext, certificate: Certificate, path: Path) -> None:
    """Have the context show this certificate to whoever connects from now on.

    A connection that is open keeps the one that it began with.  A crash leaves the
    file with either key; the next start writes it again.
    """
    write_atomic(path, certificate.key.reveal() + certificate.certificate)
    context.load_cert_chain(path)
