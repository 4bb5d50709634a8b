"""A door for systems without Unix sockets: a port of the loopback, and a shared secret.

The agent writes port and secret into a file of its home that only its owner may read.
Both sides prove that they read it before either says anything: a port may by now be
another program's, and any user of the machine can connect to it.

    command -> agent   nonce
    agent -> command   nonce, HMAC(secret, "agent" | both nonces)
    command -> agent   HMAC(secret, "command" | both nonces), then the request
"""

import hmac
import json
import socket
from pathlib import Path
from typing import Final

from client.files import write_atomic
from crypto.digest import T
from crypto.entropy import Entropy

HOST: Final = "127.0.0.1"
NONCE: Final = 32  # bytes, of nonces, secret and proofs
PATIENCE: Final = 10.0  # seconds for the handshake: both ends are on one machine


class StrangerError(Exception):
    """Who is at the other end did not read the file."""


def write_door(path: Path, port: int, secret: bytes) -> None:
    """Write where the agent listens, for its owner alone."""
    write_atomic(path, json.dumps({"port": port, "secret": secret.hex()}).encode())


def read_door(path: Path) -> tuple[int, bytes]:
    """Return port and secret.

    Raises:
        OSError: nobody listens.
        ValueError: not such a file.
    """
    found = json.loads(path.read_bytes())
    try:
        return int(found["port"]), bytes.fromhex(found["secret"])
    except (KeyError, TypeError):
        raise ValueError("not a door") from None


def proof(secret: bytes, side: bytes, asked: bytes, answered: bytes) -> bytes:
    """Return what ``side`` proves itself with, to these two nonces."""
    return hmac.digest(secret, T(side, asked, answered), "sha256")


def enter(path: Path, entropy: Entropy) -> socket.socket:
    """Return a connection to the agent that wrote ``path``.

    Raises:
        OSError: nobody listens, or not in time.
        StrangerError: somebody else does; nothing was said to them.
    """
    try:
        port, secret = read_door(path)
    except ValueError:
        raise StrangerError from None
    link = socket.create_connection((HOST, port), PATIENCE)
    try:
        _prove(link, secret, entropy(NONCE))
    except BaseException:
        link.close()
        raise
    link.settimeout(None)  # the agent may take its time over an answer
    return link


def _prove(link: socket.socket, secret: bytes, asked: bytes) -> None:
    link.sendall(asked)
    answer = _exactly(link, 2 * NONCE)
    answered, proven = answer[:NONCE], answer[NONCE:]
    wanted = proof(secret, b"agent", asked, answered)
    if not hmac.compare_digest(proven, wanted):
        raise StrangerError
    link.sendall(proof(secret, b"command", asked, answered))


def _exactly(link: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = link.recv(size - len(data))
        if not more:
            raise StrangerError
        data += more
    return data
