"""Relay and witnesses as processes of their own, made by their own commands.

::

    homes = made(tmp_path)                       # init, root document, root.cbor
    with witness(homes) as url, relay(homes, url) as address:
        ...
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs

from crypto.merkle import root_of
from crypto.sign import Realm, SigningKey
from crypto.suite import SuiteId
from crypto.types import Digest, PublicKey, Secret
from protocol.codec import decode, encode
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.root import LogKey
from protocol.signed import SignatureKey
from protocol.trusted_directory import Witnessed, found_directory
from protocol.witness_policy import WitnessKey, WitnessPolicy
from server.keys import RelaySeeds
from tests.support.ministry import (
    OPERATORS,
    START,
    Ministry,
    cached_key,
    root_document,
    sign_root,
)

PATIENCE = 60.0  # seconds a process has to start; a loaded machine needs a few
RELAY = "from server.cli import main; main()"
WITNESS = "from server.witness.cli import main; main()"


def run(program: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 -- our own programs
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@dataclass
class Serving:
    """A process that listens."""

    child: "subprocess.Popen[bytes]"
    address: str
    home: Path

    def kill(self) -> None:
        """End it as a power cut would, as far as the process can tell."""
        self.child.kill()
        self.child.wait(PATIENCE)

    def status(self) -> Any:  # noqa: ANN401 -- JSON
        return json.loads(run(RELAY, "status", "--home", self.home).stdout)


@contextmanager
def serving(program: str, home: Path, *arguments: object) -> Iterator[Serving]:
    """Run ``serve`` in ``home`` until the block ends; then SIGTERM, and status 0."""
    ready = home / "run" / "address"
    ready.unlink(missing_ok=True)
    words = ["serve", "--home", home, "--listen", "127.0.0.1:0", *arguments]
    with (home / "log").open("ab") as log:
        child = subprocess.Popen(  # noqa: S603 -- our own programs
            [sys.executable, "-c", program, *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(ready, child, home / "log")
        yield Serving(child, ready.read_text().strip(), home)
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            assert child.wait(PATIENCE) == 0, (home / "log").read_text()
    finally:
        child.kill()
        child.wait(PATIENCE)


def _wait_for(ready: Path, child: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not ready.exists():
        if child.poll() is not None or time.monotonic() > until:
            raise RuntimeError(log.read_text())
        time.sleep(0.05)


@dataclass
class Homes:
    """Homes of one relay and one witness, and the ministry that they serve."""

    relay: Path
    witness: Path
    ministry: Ministry
    pin: Digest

    @contextmanager
    def up(self) -> Iterator[Serving]:
        """Run the witness and the relay."""
        with serving(WITNESS, self.witness) as witness, self.relay_up(witness) as relay:
            yield relay

    @contextmanager
    def relay_up(self, witness: Serving) -> Iterator[Serving]:
        """Run the relay with a witness that is up."""
        options = ["--health", "127.0.0.1:0"]
        at = f"witness-1=http://{witness.address}"
        with serving(RELAY, self.relay, *options, "--witness", at) as relay:
            yield relay

    def append(self, folder: Path) -> None:
        """Log every entry of the ministry that the relay lacks."""
        size = json.loads(run(RELAY, "status", "--home", self.relay).stdout)
        start = size["logs"]["key"]["size"]
        files = []
        for index, leaf in enumerate(self.ministry.leaves[start:], start):
            files.append(folder / f"{index}.entry")
            files[-1].write_bytes(leaf)
        done = run(RELAY, "append", "--home", self.relay, *files)
        assert done.returncode == 0, done.stderr


def made(folder: Path) -> Homes:
    """Make both homes and a ministry whose root document names their keys."""
    relay, witness = folder / "relay", folder / "witness-1"
    done = run(RELAY, "init", "--home", relay, "--name", "relay.example")
    public = json.loads(done.stdout)
    done = run(WITNESS, "init", "--home", witness, "--name", "witness-1")
    key = json.loads(done.stdout)
    seeds = decode((relay / "keys/relay.seeds").read_bytes(), RelaySeeds)
    identity = SigningKey.from_seed(SuiteId.S1, Secret(seeds.identity))
    suite, realm = SuiteId.S1, Realm.DEMO
    holders = [cached_key(suite, f"holder/{n}") for n in range(3)]
    operators = {name: cached_key(suite, f"operator/{name}") for name in OPERATORS}
    document = root_document(suite, realm, holders, [*operators.values()], identity)
    pin = Digest(bytes.fromhex(public["tls_pin"]))
    document = structs.replace(
        document,
        key_log=_log_key(public["key_log"]),
        message_log=_log_key(public["message_log"]),
        witnesses=WitnessPolicy(witnesses=(_witness_key(key),), quorum=1),
        relay=structs.replace(
            document.relay,
            key=SignatureKey(suite, PublicKey(bytes.fromhex(public["identity"]))),
            tls_pin=pin,
        ),
    )
    signed = sign_root(encode(document), holders[:2], realm)
    for home in (relay, witness):
        (home / "root.cbor").write_bytes(encode(signed))
    leaf = signed_leaf(LeafKind.ROOT, signed)
    directory, _ = found_directory(
        [leaf],
        pin=signed.digest,
        realm=realm,
        checkpoint=Witnessed(1, root_of([leaf]), START),
    )
    ministry = Ministry(suite, realm, holders, operators, identity, [leaf], directory)
    ministry.enrol("tfc")
    ministry.enrol("bern")
    return Homes(relay, witness, ministry, pin)


def _log_key(public: Any) -> LogKey:  # noqa: ANN401 -- JSON
    return LogKey(public["origin"], bytes.fromhex(public["public"]))


def _witness_key(public: Any) -> WitnessKey:  # noqa: ANN401 -- JSON
    return WitnessKey(
        name=public["name"],
        organisation="NCSC-NL",
        ed25519=bytes.fromhex(public["ed25519"]),
        mldsa44=PublicKey(bytes.fromhex(public["mldsa44"])),
        address="https://witness-1.example",
        mirror=1,
    )
