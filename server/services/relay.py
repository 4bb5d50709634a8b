"""All services of one relay, as the edge sees them."""

import asyncio
from dataclasses import dataclass

from crypto.entropy import Entropy
from server.clock import Clock
from server.services.attachments import AttachmentService
from server.services.commit import Committer
from server.services.day_key import DayKeys
from server.services.directory import Directory
from server.services.logs import Logs
from server.services.mailbox import MailboxService
from server.services.prekeys import PrekeyService
from server.services.presence import Presence
from server.services.retention import Retention
from server.storage.interfaces import StoreBrokenError


@dataclass(frozen=True, slots=True)
class Relay:
    """Made by :mod:`server.app`; the same object for every session."""

    clock: Clock
    entropy: Entropy
    incarnation: bytes  # of the store: told in every session
    committer: Committer
    mailbox: MailboxService
    prekeys: PrekeyService
    attachments: AttachmentService
    logs: Logs
    presence: Presence
    retention: Retention
    day_keys: DayKeys
    failure: asyncio.Future[None]  # set when the store broke: the process ends

    def fail(self, error: StoreBrokenError) -> None:
        """End the process: what is durable is no longer known."""
        if not self.failure.done():
            self.failure.set_exception(error)

    @property
    def directory(self) -> Directory:
        """The directory as of the last commit."""
        return self.committer.trees.directory
