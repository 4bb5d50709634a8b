"""What every terminal answers about the directory: who is in it, and how it came so.

Both are of the directory that this terminal adopted under witnessed checkpoints, with
every restriction that it knows of, logged or told by a witness.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from client.answers.names import Answer, Arguments
from client.answers.proposals import state_of
from client.clock import Clock
from client.core.machine import Machine
from client.core.ports import Vault
from client.operator.changes import find_post, standing
from client.operator.effects import whom
from client.operator.history import told
from client.operator.showing import cleared, level_name, short_id
from client.present import iso
from crypto.types import Digest
from protocol.directory_state import Cut, Holder, PostRecord, State
from protocol.policy import DAY
from protocol.restrictions import cuts, effective, post_clearance, post_cuts


class DirectoryCommands:
    """``directory`` and ``operator expiring``, of one unlocked terminal."""

    def __init__(self, machine: Machine, vault: Vault, clock: Clock) -> None:
        self._machine = machine
        self._vault = vault
        self._clock = clock

    @property
    def methods(self) -> Mapping[str, Answer]:
        """The methods by name."""
        return {
            "directory-list": self._list,
            "directory-post": self._post,
            "directory-history": self._history,
            "operator-expiring": self._expiring,
        }

    def _list(self, _: Arguments) -> Any:  # noqa: ANN401 -- JSON
        state = state_of(self._machine)
        return [_line(state, state.posts[post]) for post in sorted(state.posts)]

    def _post(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        state = state_of(self._machine)
        record = find_post(state, arguments["post"])
        view = self._machine.beliefs.view()
        usable = {terminal.key_id for terminal in view.terminals(record.post)}
        return {
            **_line(state, record),
            "version": record.version,
            "recovery": short_id(record.recovery.id),
            "holders": [
                {**_holder(state, record, holder), "usable": holder.current in usable}
                if holder.mailbox is not None
                else _holder(state, record, holder)
                for holder in record.holders
            ],
            "restrictions": [_cut(state, cut) for cut in _standing_cuts(state, record)],
        }

    def _history(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        state, post = state_of(self._machine), arguments.get("post")
        if post is not None:
            find_post(state, post)
        lines = told(state, self._machine.beliefs, self._vault.entries())
        return [line for line in lines if post is None or line["post"] == post]

    def _expiring(self, arguments: Arguments) -> Any:  # noqa: ANN401 -- JSON
        state = state_of(self._machine)
        limit = self._clock.wall() + arguments["days"] * DAY
        found = [line for line in _ends(state) if line["end"] <= limit]
        return [
            {**line, "until": iso(line["end"])}
            for line in sorted(found, key=lambda line: (line["end"], str(line["post"])))
        ]


def _line(state: State, record: PostRecord) -> Arguments:
    live = record.live()
    return {
        "post": record.post,
        "name_nl": record.details.name_nl,
        "name_en": record.details.name_en,
        "collectives": list(record.details.collectives),
        "rights": cleared(post_clearance(state, record)),
        "active": record.ended is None,
        "terminals": sum(holder.mailbox is not None for holder in live),
        "members": sum(holder.mailbox is None for holder in live),
        "restricted": len(standing(state, record)),
    }


def _holder(state: State, record: PostRecord, holder: Holder) -> Arguments:
    return {
        "kind": "member" if holder.mailbox is None else "terminal",
        "number": holder.number or None,
        "name": holder.name or None,
        "key": short_id(holder.current),
        "key_id": holder.current.hex(),
        "rights": cleared(effective(state, record, holder)),
        "release": level_name(holder.may_release),
        "until": iso(holder.keys[-1].until),
        "ended": None if holder.ended is None else holder.ended.reason,
        "keys": len(holder.keys),
    }


def _standing_cuts(state: State, record: PostRecord) -> list[Cut]:
    every = [*post_cuts(state, record)]
    for holder in record.live():
        every += cuts(state, record, holder)
    found: dict[Digest, Cut] = {}
    for cut in every:  # what is logged comes before what a witness told of it
        found.setdefault(cut.digest, cut)
    return [found[name] for name in sorted(found)]


def _cut(state: State, cut: Cut) -> Arguments:
    return {
        "restriction": short_id(cut.digest),
        **whom(state, cut.restriction.key),
        "highest": level_name(cut.restriction.highest),
        "reason": cut.restriction.reason,
        "time": iso(cut.restriction.time),
        "by": [short_id(key) for key in sorted(cut.by)],
        "index": cut.index,  # None: told by a witness, and not logged
    }


def _ends(state: State) -> Iterator[Arguments]:
    """Yield whatever ends by itself: holders' keys, and what the root names."""
    for record in state.posts.values():
        for holder in record.live():
            last = holder.keys[-1]
            kind = "member" if holder.mailbox is None else "terminal"
            yield {
                "kind": kind,
                "post": record.post,
                "who": holder.name if kind == "member" else str(holder.number),
                "key": short_id(last.key.id),
                "end": last.until,
            }
    document = state.root.document
    named = [
        *(("operator", key) for key in state.root.operators),
        *(("root", key) for key in state.root.holders),
        ("relay", document.relay.key.parsed().id),
    ]
    for kind, key in named:
        yield {
            "kind": kind,
            "post": None,
            "who": short_id(key),
            "key": short_id(key),
            "end": state.root.expires,
        }
