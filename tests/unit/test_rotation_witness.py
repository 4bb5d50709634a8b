"""A witness under another root document: whom it believes, and what it cosigns with."""

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner
from msgspec import structs

from crypto.notekey import NoteAlgorithm
from protocol.checkpoint import parse_checkpoint
from protocol.codec import encode
from protocol.cosignature import cosigned_at
from protocol.errors import MalformedError, VerificationError
from protocol.note import parse_note
from protocol.root_file import chain, read_roots, write_roots
from protocol.witness import NotSigned
from protocol.witness_policy import WitnessKey, cosigner
from server.config import ConfigError, Home, WitnessConfig
from server.files import write_atomic
from server.init import init_witness, rotate_witness
from server.keyring import (
    finish_witness,
    load_witness_ring,
    named_in,
    note_pair,
    seed_files,
)
from server.storage.interfaces import StoreBrokenError
from server.witness.check import check_witness
from server.witness.cli import main
from server.witness.roots import Roots, recalled, signing
from server.witness.service import Witness
from server.witness.web import witness_app
from tests.support.keys import drawn
from tests.support.ministry import Ministry, founded, ministry
from tests.support.relay import board_of, served, witness_of
from tests.support.successor import next_root, rekeyed, second_keys, seeds
from tests.support.told_log import ORIGIN, Log
from tests.support.witnesses import witness_key

FIRST, SECOND = witness_key("w1"), second_keys().witnesses[0]


class Following:
    """One witness with both its pairs, at the first root document."""

    def __init__(self, folder: Path) -> None:
        self.people = ministry()
        self.folder = folder
        self.path = folder / "roots"
        self.ring = [seeds("w1")]
        self.witness: Witness = witness_of(self.people, "w1", folder)
        self.board = board_of(self.people, self.witness, folder)
        leaves = self.people.leaves[:1]
        roots = chain(leaves, realm=self.people.realm)
        self.roots = Roots(self.path, leaves, roots, lambda: self.ring)

    async def post(self, *leaves: bytes) -> None:
        data = write_roots([self.people.leaves[0], *leaves])
        await self.roots.post(data, self.witness, self.board)


@pytest.fixture
def here(tmp_path: Path) -> Following:
    return Following(tmp_path)


def lines(note: bytes, key: WitnessKey) -> list[bool]:
    """Tell for each algorithm whether the note has a line of that witness's key."""
    parsed = parse_note(note)
    checkpoint = parse_checkpoint(parsed.text)
    return [
        cosigned_at(parsed, checkpoint, cosigner(key, algorithm)) is not None
        for algorithm in NoteAlgorithm
    ]


async def test_the_new_pair_signs_from_the_root_that_names_it_beside_the_old(
    here: Following,
) -> None:
    log = Log()
    log.grow(2)
    await here.witness.mirror(log.push(0))
    answer = log.note() + await here.witness.add_checkpoint(log.request(0))
    here.ring.append(seeds("w1", 2))  # `rotate` wrote it; no root names it yet
    assert (lines(answer, FIRST), lines(answer, SECOND)) == ([True] * 2, [False] * 2)
    await here.post(next_root(here.people, witnesses=second_keys()))
    shown = here.witness.latest(ORIGIN)  # at once, without growth
    assert (lines(shown, FIRST), lines(shown, SECOND)) == ([True] * 2, [True] * 2)
    log.grow(1)
    await here.witness.mirror(log.push(2))
    answer = log.note() + await here.witness.add_checkpoint(log.request(2))
    assert (lines(answer, FIRST), lines(answer, SECOND)) == ([True] * 2, [True] * 2)
    roots = chain(read_roots(here.path.read_bytes()), realm=here.people.realm)
    keys = [key for one in here.ring for key in note_pair(one)]
    root, name = roots[-1], here.ring[0].name
    assert check_witness(here.folder, root.document, name, keys, root.former) == []
    here.ring[:] = here.ring[1:]  # the old pair was put away
    left = [key.public for key in signing(roots, here.ring)]
    assert left == [key.public for key in note_pair(seeds("w1", 2))]


async def test_a_log_is_believed_by_the_key_of_the_root_that_is_followed(
    here: Following,
) -> None:
    log = Log()
    log.grow(2)
    new = log.note(signer="message/2")
    with pytest.raises(NotSigned):
        await here.witness.add_checkpoint(log.request(0, new))
    await here.post(next_root(here.people, message_log=rekeyed("message")))
    with pytest.raises(NotSigned):
        await here.witness.add_checkpoint(log.request(0))
    await here.witness.mirror(structs.replace(log.push(0), note=new))
    await here.witness.add_checkpoint(log.request(0, new))


async def test_only_a_chain_that_leads_on_is_followed_and_it_is_durable_first(
    here: Following,
) -> None:
    people = here.people
    second = next_root(people)
    with pytest.raises(VerificationError):
        await here.post(next_root(people, holders=1))
    with pytest.raises(MalformedError):
        await here.roots.post(b"x", here.witness, here.board)
    other = founded()
    stranger = next_root(other, ministry="Een ander")
    with pytest.raises(VerificationError):
        await here.roots.post(
            write_roots([stranger, stranger]), here.witness, here.board
        )
    assert not here.path.exists()
    await here.post(second)
    kept = here.path.read_bytes()
    assert len(read_roots(kept)) == 2
    await here.post()  # shorter: nothing new
    await here.post(second)
    assert here.path.read_bytes() == kept
    fork = Ministry(**vars(people))
    fork.directory = people.fork().directory
    aside = next_root(fork, min_client="9.9.9")
    fork.log(aside)
    with pytest.raises(VerificationError, match="not the way"):
        await here.post(aside, next_root(fork))
    assert here.path.read_bytes() == kept


def test_what_was_followed_is_where_a_start_begins(tmp_path: Path) -> None:
    people = ministry()
    first, second = people.leaves[:1], next_root(people)
    path = tmp_path / "roots"
    assert recalled(first, path) == tuple(first)
    path.write_bytes(write_roots([*first, second]))
    assert recalled(first, path) == (*first, second)
    people.log(second)
    third = next_root(people)
    newer = [*first, second, third]
    assert recalled(newer, path) == tuple(newer)  # the home got a newer file
    path.write_bytes(write_roots([second, second]))
    with pytest.raises(StoreBrokenError, match="another ministry"):
        recalled(first, path)
    path.write_bytes(b"x")
    with pytest.raises(StoreBrokenError, match="cannot be read"):
        recalled(first, path)


async def test_root_documents_are_shown_over_http(here: Following) -> None:
    data = write_roots([here.people.leaves[0], next_root(here.people)])
    app = witness_app(here.witness, here.board, asyncio.Future(), here.roots)
    without = witness_app(here.witness, here.board, asyncio.Future())
    odd = write_roots([here.people.leaves[0], next_root(here.people, holders=1)])
    async with (
        served(app) as url,
        served(without) as silent,
        aiohttp.ClientSession() as http,
    ):

        async def status(where: str, body: bytes) -> int:
            async with http.post(f"{where}/roots", data=body) as answer:
                return answer.status

        assert await status(url, b"x") == 400
        assert await status(url, odd) == 403
        assert await status(url, data) == 204
        assert await status(silent, data) == 404


# --- files and commands


def test_the_next_pair_lies_beside_the_first_until_it_is_put_away(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path / "w")
    init_witness(home, WitnessConfig(), drawn("w"), name="w1")
    public = rotate_witness(home, WitnessConfig(), drawn("next"))
    first, second = load_witness_ring(home)
    assert first.name == second.name == "w1"
    assert public["mldsa44"] == note_pair(second)[1].public.hex()
    written = json.loads((home.path / "witness-next-public.json").read_text())
    assert written == public
    root = ministry().directory.root.document
    assert named_in([root], [first, second]) == []
    with pytest.raises(ConfigError, match="last keys yet"):
        finish_witness(home, root)
    assert len(seed_files(home, "witness")) == 2


def test_the_command_rotates_and_finishes(tmp_path: Path) -> None:
    home = Home(tmp_path / "w")
    init_witness(home, WitnessConfig(), drawn("w"), name="w1.example")
    (home.keys / "witness.seeds").unlink()
    people = ministry()
    write_atomic(home.keys / "witness.seeds", encode(seeds("w1")))
    people.log(next_root(people, witnesses=second_keys()))
    root = tmp_path / "root.cbor"
    root.write_bytes(write_roots([people.leaves[0], people.leaves[-1]]))

    def typed(*line: object) -> tuple[int, str]:
        given = ["rotate", "--home", str(home.path), *map(str, line)]
        done = CliRunner().invoke(main, given)
        return done.exit_code, done.output

    assert json.loads(typed()[1])["format"] == "koerier-witness-public/1"
    assert typed("--finish")[0] == 2
    assert typed("--finish", "--root", root)[0] == 2  # it names another second pair
    write_atomic(seed_files(home, "witness")[-1], encode(seeds("w1", 2)))
    assert json.loads(typed("--finish", "--root", root)[1]) == {"forgotten": 1}
    assert [path.name for path in seed_files(home, "witness")] == ["witness-2.seeds"]
