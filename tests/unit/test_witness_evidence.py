"""What a log signed and a witness refused is kept: two notes, one pair of a kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto.notekey import NoteAlgorithm
from protocol.note import add_lines, parse_note, sign_note
from protocol.trusted_log import signed_checkpoint
from protocol.witness import Conflict, Inconsistent, NotSigned, Odd, WitnessRefusal
from server.storage.interfaces import StoreFullError
from server.witness.check import check_witness
from server.witness.evidence import evidence_files
from server.witness.memory import files_of, replace_whole
from server.witness.service import Witness
from tests.support.ministry import ministry
from tests.support.relay import witness_of
from tests.support.told_log import Log
from tests.support.witnesses import log_key, note_key

KEY = log_key("message")


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    """One that keeps no entries."""
    made = witness_of(ministry(), "w3", tmp_path)
    yield made
    made.close()


def told(count: int, story: bytes = b"") -> Log:
    log = Log()
    log.grow(count, story)
    return log


def kept(folder: Path) -> dict[Odd, tuple[int, int]]:
    """Return the sizes of each pair; the log signed both notes, and nobody else."""
    found = {}
    for odd in Odd:
        pair = evidence_files(files_of(KEY, folder), odd)
        if all(file.exists() for file in pair):
            notes = [file.read_bytes() for file in pair]
            ours, theirs = (signed_checkpoint(note, KEY)[1] for note in notes)
            assert notes[1].count("\n— ".encode()) == 1
            found[odd] = ours.size, theirs.size
    return found


def notes(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("*.note")}


async def refused(witness: Witness, log: Log, old: int) -> WitnessRefusal:
    with pytest.raises(WitnessRefusal) as refusal:
        await witness.add_checkpoint(log.request(old))
    return refusal.value


async def test_each_kind_of_contradiction_is_kept_beside_what_was_cosigned(
    witness: Witness, tmp_path: Path
) -> None:
    await witness.add_checkpoint(told(5).request(0))
    assert kept(tmp_path) == {}
    assert isinstance(await refused(witness, told(5, b" other"), 5), Conflict)
    assert isinstance(await refused(witness, told(3), 2), Conflict)
    assert isinstance(await refused(witness, told(9, b" other"), 5), Inconsistent)
    assert kept(tmp_path) == {
        Odd.SPLIT: (5, 5),
        Odd.SMALLER: (5, 3),
        Odd.UNPROVEN: (5, 9),
    }


async def test_what_honest_relays_and_strangers_may_ask_is_no_evidence(
    witness: Witness, tmp_path: Path
) -> None:
    log = told(5)
    await witness.add_checkpoint(log.request(0))
    assert isinstance(await refused(witness, log, 3), Conflict)  # it lost our answer
    log.grow(4)
    assert isinstance(await refused(witness, log, 3), Conflict)  # and went on
    unsigned = log.request(5, log.note(signer="somebody"))
    with pytest.raises(NotSigned):
        await witness.add_checkpoint(unsigned)
    assert kept(tmp_path) == {}


async def test_the_first_of_a_kind_stays_whatever_is_brought(
    witness: Witness, tmp_path: Path
) -> None:
    await witness.add_checkpoint(told(5).request(0))
    await refused(witness, told(3), 2)
    first = notes(tmp_path)
    assert len(first) == 2
    await refused(witness, told(2), 2)
    await witness.add_checkpoint(told(5).request(5))
    assert notes(tmp_path) == first


async def test_nothing_that_strangers_hang_on_a_note_is_kept(
    witness: Witness, tmp_path: Path
) -> None:
    await witness.add_checkpoint(told(5).request(0))
    log = told(3)
    text = parse_note(log.note()).text
    mine = sign_note(text, "me", note_key("somebody", NoteAlgorithm.ED25519))
    hung = add_lines(log.note(), [mine[len(text) + 1 :]])
    with pytest.raises(Conflict):
        await witness.add_checkpoint(log.request(2, hung))
    assert kept(tmp_path) == {Odd.SMALLER: (5, 3)}


async def test_without_room_the_refusal_stands_and_a_torn_pair_is_written_again(
    witness: Witness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await witness.add_checkpoint(told(5).request(0))
    room = [b"for one note"]

    def full(path: Path, data: bytes) -> None:
        if not room:
            raise StoreFullError("no room")
        room.clear()
        replace_whole(path, data)

    with monkeypatch.context() as patch:
        patch.setattr("server.witness.evidence.replace_whole", full)
        await refused(witness, told(3), 2)
    assert kept(tmp_path) == {}
    await refused(witness, told(2), 2)
    assert kept(tmp_path) == {Odd.SMALLER: (5, 2)}


async def test_the_checker_names_a_log_that_signed_two_trees(
    witness: Witness, tmp_path: Path
) -> None:
    people = ministry()
    keys = [note_key("w3", algorithm) for algorithm in NoteAlgorithm]

    def faults() -> list[str]:
        root = people.directory.root.document
        return check_witness(tmp_path, root, "w3.example/witness", keys)

    await witness.add_checkpoint(told(5).request(0))
    await refused(witness, told(3), 2)  # anybody can bring that
    assert faults() == []
    await refused(witness, told(5, b" other"), 5)
    assert faults() == ["message log: it signed two trees of one size; both are kept"]
