"""The holders of a ministry and their media, by the commands that they type.

::

    room = Room(tmp_path)
    room.draw_up()
    files = [room.sign(holder) for holder in room.holders[:2]]
    room.gather(*files)
"""

import json
from pathlib import Path

from click.testing import Result

from client.home import Home
from client.operator.fingerprint import words_of
from client.operator.rootfile import read_root
from crypto.notekey import NoteAlgorithm
from crypto.suite import SuiteId
from protocol.codec import decode
from protocol.root import RootDocument
from protocol.signed import Signed, carried
from protocol.trusted_root import TrustedRoot
from tests.support.keys import signing_key
from tests.support.typed import koerier, told
from tests.support.witnesses import log_key, note_key

WORD = "een zin van een houder"
HOLDERS = ("h1", "h2", "h3")


def key_file(path: Path, name: str, suite: SuiteId = SuiteId.S1) -> Path:
    """Write the public half of a key that a test draws by name."""
    public = carried(signing_key(suite, name)).public.hex()
    content = {"format": "koerier-key/1", "suite": suite.value, "public": public}
    path.write_text(json.dumps(content))
    return path


def relay_file(path: Path, identity: str = "relay", tls: int = 0) -> Path:
    """Write the public half of a relay."""
    logs = {
        f"{name}_log": {
            "origin": log_key(name).origin,
            "public": log_key(name).public.hex(),
        }
        for name in ("key", "message")
    }
    relay = {
        "format": "koerier-relay-public/1",
        "suite": 1,
        "identity": signing_key(SuiteId.S1, identity).public.hex(),
        "tls_pin": bytes([tls] * 32).hex(),
        **logs,
    }
    path.write_text(json.dumps(relay))
    return path


def witness_file(path: Path, name: str, *, mirror: int = 1, keys: str = "") -> Path:
    """Write the public half of a witness."""
    witness = {
        "format": "koerier-witness-public/1",
        "name": name,
        "ed25519": note_key(keys or name, NoteAlgorithm.ED25519).public.hex(),
        "mldsa44": note_key(keys or name, NoteAlgorithm.ML_DSA_44).public.hex(),
        "mirror": mirror,
    }
    path.write_text(json.dumps(witness))
    return path


class Room:
    """Where a ceremony is held: a folder, and a folder for each holder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.minutes = folder / "minutes.txt"
        for holder in HOLDERS:
            made = self.as_holder(holder, "holder", "--name", holder, word=WORD)
            told(made)
        self.operators = [
            key_file(folder / f"{name}.json", f"operator/{name}")
            for name in ("anna", "bram", "chris")
        ]
        self.relay = relay_file(folder / "relay.json")
        self.witnesses = [
            witness_file(folder / f"{name}.json", name, mirror=int(name != "w3"))
            for name in ("w1", "w2", "w3")
        ]

    def file(self, name: str) -> Path:
        return self.folder / name

    def as_holder(
        self, holder: str, *line: object, word: str | None = None, lang: str = "en"
    ) -> Result:
        """Type a command of the ceremony on a holder's machine."""
        words = {} if word is None else {"passphrase_fd": word}
        home = Home(self.folder / holder)
        return koerier(home, "root", *line, lang=lang, **words)

    def document(self) -> RootDocument:
        """Return the document that is drawn up now."""
        carrier = decode(self.file("document").read_bytes(), Signed)
        return decode(carrier.document, RootDocument)

    def check_minutes(self) -> None:
        """Hold that neither the passphrase nor anything of a seed is in them."""
        minutes = self.minutes.read_text()
        for holder in HOLDERS:
            assert WORD not in minutes
            seed = self.file(holder) / "keys/holder.key"
            assert seed.read_bytes().hex()[:40] not in minutes

    def public(self, holder: str) -> Path:
        return self.folder / holder / "holder-public.json"

    def draw_up(self, *more: object, holders: tuple[str, ...] = HOLDERS) -> Result:
        """Make the founding document."""
        return self.as_holder(
            "h1",
            *("init", "--ministry", "Ministerie van Proeven"),
            *(part for h in holders for part in ("--holder", self.public(h))),
            *(part for one in self.operators for part in ("--operator", one)),
            *("--relay", self.relay, "--address", "relay.example:8443"),
            *(
                part
                for one in self.witnesses
                for part in ("--witness", one, "--witness-url", f"https://{one.stem}")
            ),
            *("--threshold", 2, "--quorum", 2, "--out", self.file("document")),
            *("--transcript", self.minutes, *more),
        )

    def draw_up_next(self, *changes: object) -> Result:
        """Make the next document."""
        return self.as_holder(
            "h1",
            *("next", "--root", self.file("root.cbor"), *changes),
            *("--out", self.file("document"), "--transcript", self.minutes),
        )

    def sign(self, holder: str, *more: object, word: str = WORD) -> Path:
        """Sign the document, and return the file with the signature."""
        told(self.try_sign(holder, *more, word=word))
        return self.file(f"{holder}.signature")

    def try_sign(self, holder: str, *more: object, word: str = WORD) -> Result:
        out = self.file(f"{holder}.signature")
        line = ("sign", self.file("document"), "--out", out, *more)
        minutes = ("--transcript", self.minutes)
        return self.as_holder(holder, *line, *minutes, word=word)

    def gather(self, *files: Path, more: tuple[object, ...] = ()) -> Result:
        """Gather signatures of the founding document."""
        out = ("--out", self.file("root.cbor"), "--transcript", self.minutes)
        return self.as_holder("h1", "import", *files, *out, *more)

    def found(self) -> TrustedRoot:
        """Hold the whole founding with two of the three holders."""
        told(self.draw_up())
        told(self.gather(*(self.sign(holder) for holder in HOLDERS[:2])))
        return read_root(self.file("root.cbor"))

    def succeed(self, *by: str) -> Result:
        """Sign the next document as ``by``, and gather."""
        root = ("--root", self.file("root.cbor"))
        files = [self.sign(holder, *root) for holder in by]
        return self.as_holder(
            "h1",
            *("import", *files, *root, "--leaf", self.file("leaf")),
            *("--out", self.file("root-next.cbor"), "--transcript", self.minutes),
        )


def on_board(path: Path) -> str:
    """Return the words of the newest root document in a file."""
    return words_of(read_root(path).digest)
