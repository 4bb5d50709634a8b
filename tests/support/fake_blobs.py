"""The attachments of the relay in memory: names, for whom, bytes."""

from dataclasses import dataclass, field

from crypto.types import Digest, Mailbox
from protocol.codec import Message
from protocol.requests import Announce, Announced


@dataclass
class FakeBlobs:
    """Takes and hands out blobs whole; a test makes it lie by changing ``content``."""

    content: dict[Digest, bytes] = field(default_factory=dict)
    announced: dict[Digest, set[Mailbox]] = field(default_factory=dict)
    asked: list[Message] = field(default_factory=list)
    refusing: bool = False

    def announce(self, body: Announce) -> Announced | None:
        self.asked.append(body)
        if self.refusing:
            return None
        self.announced.setdefault(body.blob, set()).update(body.mailboxes)
        here = self.content.get(body.blob)
        return Announced(durable=0 if here is None else body.total)

    def fetched(self, blob: Digest, mailbox: Mailbox) -> bytes | None:
        """Return the blob if it is here and for this mailbox."""
        if mailbox not in self.announced.get(blob, ()):
            return None
        return self.content.get(blob)

    def kept(self, blob: Digest, mailbox: Mailbox) -> None:
        self.announced.get(blob, set()).discard(mailbox)
