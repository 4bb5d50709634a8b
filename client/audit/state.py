"""What an auditor remembers from one look to the next, in a file of the home.

For each log the largest checkpoint that was verified, with its note; how far it was
computed leaf by leaf; and the alarms, each with the folder of its evidence.  The file
is the auditor's own: whoever can write it can make the auditor forget.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, structs

from client.files import private_folder, write_atomic
from client.harmless import json_text
from protocol.codec import Message, decode, encode
from protocol.errors import MalformedError
from protocol.fields import V1, DigestField, Line, Time, UInt48
from protocol.limits import MAX_NOTE
from protocol.requests import LogName

FOLDER: Final = "audit"
STATE: Final = "state.cbor"
EVIDENCE: Final = "evidence"
MAX_ALARMS: Final = 1_000
MAX_STATE: Final = 16 * 1024 * 1024  # bytes

Note = Annotated[bytes, Meta(max_length=MAX_NOTE)]


class Point(Message):
    """The largest checkpoint of a log that was verified."""

    log: LogName
    size: UInt48
    root: DigestField
    note: Note
    witnessed: Time
    whole: UInt48 = 0  # leaves that were computed one by one
    checked: Time = 0  # when, by this machine's clock


class Standing(Message):
    """An alarm that people were told, until they settle it."""

    number: UInt48
    what: Line
    about: Line  # a log, a witness
    since: Time
    folder: Line = ""  # of its evidence
    ended: Time | None = None


class AuditState(Message):
    """The file."""

    v: V1
    points: Annotated[tuple[Point, ...], Meta(max_length=2)] = ()
    entries: UInt48 = 0  # of the key log that were read; 0: none yet
    alarms: Annotated[tuple[Standing, ...], Meta(max_length=MAX_ALARMS)] = ()


class StateError(Exception):
    """The file is damaged: what was verified before is not known any more."""


@dataclass
class Memory:
    """The state with its folder; each change is written at once."""

    folder: Path  # <home>/audit
    state: AuditState

    @classmethod
    def of(cls, home: Path) -> "Memory":
        """Return what was remembered in ``home``, or nothing yet.

        Raises:
            StateError: a file that is none.
        """
        folder = home / FOLDER
        try:
            data = (folder / STATE).read_bytes()
        except FileNotFoundError:
            return cls(folder, AuditState(v=1))
        try:
            return cls(folder, decode(data, AuditState, limit=MAX_STATE))
        except MalformedError:
            raise StateError from None

    def point(self, log: LogName) -> Point | None:
        """Return the largest checkpoint of ``log`` that was verified."""
        return next((p for p in self.state.points if p.log is log), None)

    def keep(self, point: Point) -> None:
        """Remember a checkpoint instead of the one before."""
        others = (p for p in self.state.points if p.log is not point.log)
        points = tuple(sorted((*others, point), key=lambda p: p.log))
        self._write(structs.replace(self.state, points=points))

    def read(self, entries: int) -> None:
        """Remember how many entries of the key log were read."""
        if entries != self.state.entries:
            self._write(structs.replace(self.state, entries=entries))

    def standing(self) -> tuple[Standing, ...]:
        """Return the alarms that nobody settled and whose cause did not end."""
        return tuple(alarm for alarm in self.state.alarms if alarm.ended is None)

    def tell(
        self, what: str, about: str, now: int, evidence: dict[str, bytes] | None = None
    ) -> Standing | None:
        """Note an alarm with its evidence; None: it stands already.

        The evidence is on disk before the alarm names it: a crash in between leaves
        files that the next look writes again under the same name.
        """
        for alarm in self.standing():
            if (alarm.what, alarm.about) == (what, about):
                return None
        number = len(self.state.alarms) + 1
        folder = ""
        if evidence:
            folder = f"{EVIDENCE}/{number}-{what}"
            self._store(folder, what, about, now, evidence)
        told = Standing(number=number, what=what, about=about, since=now, folder=folder)
        alarms = (*self.state.alarms, told)[-MAX_ALARMS:]
        self._write(structs.replace(self.state, alarms=alarms))
        return told

    def _store(
        self, folder: str, what: str, about: str, now: int, evidence: dict[str, bytes]
    ) -> None:
        where = private_folder(self.folder / folder)
        for name, data in evidence.items():
            write_atomic(where / name, data)
        told = {"what": what, "about": about, "at": now, "files": sorted(evidence)}
        write_atomic(where / "alarm.json", json_text(told).encode())

    def end(self, now: int, *, what: str, about: str) -> None:
        """Note that the cause of an alarm went away, if it stood."""
        self._ended(now, lambda one: (one.what, one.about) == (what, about))

    def settle(self, number: int, now: int) -> bool:
        """Note that people have dealt with an alarm; False: there is none."""
        if all(alarm.number != number for alarm in self.standing()):
            return False
        self._ended(now, lambda one: one.number == number)
        return True

    def _ended(self, now: int, meant: Callable[[Standing], bool]) -> None:
        alarms = tuple(
            structs.replace(one, ended=now) if one.ended is None and meant(one) else one
            for one in self.state.alarms
        )
        if alarms != self.state.alarms:
            self._write(structs.replace(self.state, alarms=alarms))

    def _write(self, state: AuditState) -> None:
        private_folder(self.folder)
        write_atomic(self.folder / STATE, encode(state))
        self.state = state
