"""Operators at terminals in memory: what a command does between two screens.

::

    anna, bram = seats(desks, hague)
    id_ = anna.propose(anna.change("rights", "bern", level=1))
    exchange(anna.desk, bram.desk)
    bram.approve(id_)
"""

from typing import Any

from crypto.sign import SigningKey, Usage
from protocol.bodies import Subject
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.signed import Signed, sign_document
from tests.support.desk import Desk
from tests.support.office import Office

NOBODY = {"key": None, "terminal": None, "member": None}
RIGHTS: dict[str, Any] = {"release": None, "eyes_only": False, "schemes": []}


class Seat(Office):
    """One operator with a key, at one desk."""

    def __init__(self, desk: Desk, key: SigningKey) -> None:
        super().__init__(desk)
        self.key = key

    def change(self, action: str, post: str, **typed: Any) -> bytes:  # noqa: ANN401
        extra = {**NOBODY, **(RIGHTS if action == "rights" else {}), "reason": "toets"}
        found = self.run("operator-change", action=action, post=post, **extra | typed)
        return bytes.fromhex(found["document"])

    def signed(self, document: bytes, usage: Usage = Usage.DIR) -> Signed:
        realm = self.desk.ministry.realm
        return sign_document(document, [self.key], usage=usage, realm=realm)

    def line(self, document: bytes, usage: Usage = Usage.DIR) -> list[str]:
        (line,) = self.signed(document, usage).signatures
        return [line.key.hex(), line.signature.hex()]

    def asked(
        self,
        document: bytes,
        *to: str,
        subject: Subject = Subject.DIRECTORY_ENTRY,
        lines: list[list[str]] | None = None,
    ) -> dict[str, Any]:
        """Return the arguments of a proposal of these bytes."""
        return {
            "document": document.hex(),
            "subject": subject.value,
            "lines": [self.line(document)] if lines is None else lines,
            "to": list(to),
            "reason": "toets",
        }

    def propose(self, document: bytes, *to: str) -> str:
        answer = self.run("operator-propose", **self.asked(document, *to))
        self.desk.run()
        return str(answer["id"])

    def approve(self, id_: str) -> Any:  # noqa: ANN401 -- JSON
        found = self.run("operator-proposal", id=id_)
        line = self.line(bytes.fromhex(found["document"]))
        answer = self.run("operator-approve", id=id_, line=line)
        self.desk.run()
        return answer

    def standing(self, id_: str) -> str:
        return str(self.run("operator-proposal", id=id_)["standing"])

    def shown(self, document: bytes, subject: Subject = Subject.DIRECTORY_ENTRY) -> Any:  # noqa: ANN401
        asked = {"document": document.hex(), "subject": subject.value}
        return self.run("operator-show", **asked)["sentences"]

    def restrict(self, **typed: Any) -> bytes:  # noqa: ANN401
        """Return the finished leaf of a restriction by this operator."""
        extra = {**NOBODY, "post": None, "highest": None, "reason": "toets"}
        signer = self.key.id.hex()
        found = self.run("operator-restriction", **extra | typed, signer=signer)
        signed = self.signed(bytes.fromhex(found["document"]), Usage.SUSPEND)
        return signed_leaf(LeafKind.RESTRICTION, signed)
