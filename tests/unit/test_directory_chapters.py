"""The chapters root-and-directory and prekeys are what the code does."""

import re

import msgspec
import pytest

from crypto.digest import H
from crypto.suite import SuiteId
from crypto.types import ZERO_DIGEST, Digest, KeyId, PublicKey
from protocol import (
    directory_entry,
    key_log_entry,
    manifest,
    restriction,
    root,
    root_file,
    signed,
)
from protocol.codec import Message, encode
from protocol.directory_entry import (
    CHANGES,
    Action,
    DirectoryEntry,
    Lift,
    possession_preimage,
)
from protocol.directory_rules import RULES
from protocol.key_log_entry import (
    MAX_LEAF,
    KeyLogEntry,
    LeafKind,
    ManifestNotice,
    notice_leaf,
)
from protocol.label import Level
from protocol.limits import KIB, MAX_DOCUMENT, MAX_SIGNATURES
from protocol.manifest import (
    MAX_EPOCHS,
    MAX_PREKEYS,
    PERIOD_FROM,
    PERIOD_TO,
    PrekeyKind,
    Window,
    archive_prekey_id,
    prekey_id,
    prekey_leaf,
)
from protocol.prekey_erasure import HOUR, ONLINE, OVERDUE, SUPERSEDED
from protocol.restriction import Restriction
from protocol.root import DAY, EXTENSION
from protocol.root_check import EARNEST_OPERATORS, EARNEST_THRESHOLD, MAX_LIFE
from tests.support.tree import ROOT

CHAPTERS = ("root-and-directory", "prekeys")
MODULES = (
    *(directory_entry, key_log_entry, manifest, restriction),
    *(root, root_file, signed),
)


def chapter(name: str) -> str:
    return (ROOT / "docs" / "spec" / f"{name}.md").read_text(encoding="utf-8")


def blocks(name: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", chapter(name), re.DOTALL)


def worked(name: str) -> dict[str, str]:
    (block,) = blocks(name, "worked")
    return dict(re.split(r" {2,}", line, maxsplit=1) for line in block.splitlines())


def listed(name: str) -> dict[str, str]:
    lines = "".join(blocks(name, "fields")).splitlines()
    return dict(line.split(": ", maxsplit=1) for line in lines)


def fields(found: type) -> str:
    """Return the fields in the order of their numbers; ? may be absent."""
    if issubclass(found, Message):
        return " ".join(
            field.name + ("" if field.required else "?")
            for field in msgspec.structs.fields(found)
        )
    names: tuple[str, ...] = found._fields  # type: ignore[attr-defined]
    return " ".join(names)


def documents() -> dict[str, type]:
    """Return every message and array type of the modules that the chapters are of."""
    return {
        name: value
        for module in MODULES
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__
        if issubclass(value, Message) or hasattr(value, "_fields")
    }


NOT_SENT = {"Window", "Schedule", "SignedManifest"}  # values of the code, not documents


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_fields_are_those_of_the_types_in_their_order(name: str) -> None:
    types = documents()
    assert listed(name)
    for title, line in listed(name).items():
        assert line == fields(types[title]), title


def test_no_document_is_missing() -> None:
    titles = {title for name in CHAPTERS for title in listed(name)}
    assert titles == set(documents()) - NOT_SENT


def test_the_table_of_signers_is_the_codes() -> None:
    (block,) = blocks("root-and-directory", "rules")
    head, line, *rows = block.splitlines()
    assert (head, line) == (
        "| action | type | operators | possession | also |",
        "|---|---|---|---|---|",
    )
    assert rows == [
        f"| {action.name} | {CHANGES[action].__name__} | {rule.operators} "
        f"| {'yes' if rule.possession else 'no'} | {rule.also} |"
        for action, rule in RULES.items()
    ]


def test_the_kinds_of_leaves_are_the_codes() -> None:
    (block,) = blocks("root-and-directory", "kinds")
    assert block.splitlines() == [f"{kind.value} {kind.name}" for kind in LeafKind]


def test_the_numbers_in_the_text_are_the_codes() -> None:
    text = chapter("root-and-directory")
    assert f"more than {MAX_LIFE // DAY} days after" in text
    assert f"adds {EXTENSION // DAY} days" in text
    assert f"are at least {EARNEST_THRESHOLD}, and" in text
    assert f"at least {EARNEST_OPERATORS} operators" in text
    assert (
        f"{MAX_DOCUMENT // KIB} KiB a document, {MAX_SIGNATURES} signatures, "
        f"{MAX_LEAF // KIB} KiB a leaf" in text
    )
    text = chapter("prekeys")
    assert f"MUST be 1 to {MAX_EPOCHS} whole periods" in text
    assert f"{PERIOD_FROM // HOUR} hours to {PERIOD_TO // DAY} days" in text
    assert f"at most {MAX_PREKEYS}." in text
    assert f"{SUPERSEDED // HOUR} hours after" in text
    assert f"goes {OVERDUE // DAY} days after" in text
    assert ONLINE == HOUR
    assert "for at most one hour online" in text
    assert [kind.value for kind in PrekeyKind] == [1, 2]
    assert "kind: 1 epoch, 2 one-time" in text


def test_the_worked_documents() -> None:
    lines, key = worked("root-and-directory"), KeyId(b"\x02" * 32)
    preimage = possession_preimage(
        PublicKey(b"\xaa"),
        post="bern",
        action=Action.ENROL,
        nonce=b"\x01" * 32,
        prev=ZERO_DIGEST,
    )
    assert lines["possession"] == preimage.hex()
    time = 1_790_000_000
    suspension = encode(Restriction(v=1, key=key, time=time, reason="lost"))
    assert lines["suspension"] == suspension.hex()
    assert lines["its hash"] == H(suspension).hex()
    lowered = Restriction(v=1, key=key, highest=Level.DEP_V, time=time, reason="lost")
    assert lines["restriction"] == encode(lowered).hex()
    notice = ManifestNotice(terminal=key, number=7, manifest=Digest(b"\x03" * 32))
    assert lines["notice"] == notice_leaf(notice).hex()
    lift = DirectoryEntry(
        v=1,
        root=Digest(b"\x05" * 32),
        action=Action.LIFT,
        post="bern",
        version=2,
        prev=Digest(b"\x06" * 32),
        expires=time + DAY,
        reason="found",
        change=encode(Lift(ends=(Digest(b"\x04" * 32),))),
    )
    assert lines["lift"] == encode(lift).hex()
    assert KeyLogEntry.__name__ in listed("root-and-directory")


def test_the_worked_prekeys() -> None:
    lines, named = worked("prekeys"), Digest(b"\x03" * 32)
    start = 1_790_000_000
    when = Window(PrekeyKind.EPOCH, start + DAY, start + 2 * DAY)
    public = PublicKey(b"\xaa")
    assert lines["epoch leaf"] == prekey_leaf(1, when, public).hex()
    for suite in SuiteId:
        assert lines[f"kid {suite.name}"] == prekey_id(suite, named, 1).hex()
        archive = archive_prekey_id(suite, public)
        assert lines[f"archive {suite.name}"] == archive.hex()
