"""Commands of posts, of those who steal from them, and of what breaks."""

from crypto.types import Mailbox
from protocol.errors import FreshnessError, PolicyError
from protocol.label import Precedence
from protocol.requests import LogName
from tests.support.council.checks import require
from tests.support.council.council import Council
from tests.support.council.lies import Lie
from tests.support.council.terminal import CouncilTerminal
from tests.support.ministry import OwnPost, OwnTerminal

HOUR = 3_600.0
LANES = (Precedence.FLASH, Precedence.ROUTINE)
SIDES = ("before", "after")


class People:
    """Acts upon a council."""

    def __init__(self, council: Council) -> None:
        self._council = council

    def _pick(self, who: int) -> CouncilTerminal:
        """Return a terminal."""
        terminals = self._council.terminals
        return terminals[sorted(terminals)[who % len(terminals)]]

    def sync(self, who: int, lie: int) -> None:
        """Let a terminal synchronise with a relay that may lie."""
        council, of = self._council, self._pick(who)
        if of.stolen:
            return
        self._take_new_keys(of)
        before = 0 if of.directory is None else of.directory.size
        council.lie = Lie(lie)
        try:
            done = council.synchronise(of)
        finally:
            council.lie = Lie.NONE
        if done and lie in {Lie.NONE.value, Lie.ADMIT.value}:
            self._reached(of)
        if done and lie not in {Lie.NONE.value, Lie.ADMIT.value}:
            council.sometimes[f"lie {Lie(lie).name}"] += 1
            if lie != Lie.OLD.value:
                size = 0 if of.directory is None else of.directory.size
                require(size == before, "a lie was believed")

    def _reached(self, of: CouncilTerminal) -> None:
        """Require that one synchronisation was enough (no lock-out)."""
        published = self._council.relay.parts.relay.logs.published(LogName.KEY)
        size = 0 if of.directory is None else of.directory.size
        require(size >= published, "left behind by an honest relay")

    def _take_new_keys(self, of: CouncilTerminal) -> None:
        """Go on under the keys that a rotation gave to a terminal or its member.

        They signed it, so they know of it before they see it in the log.
        """
        council = self._council
        own, key = of.own, council.clerk.key
        for post in council.model.posts.values():
            for seat in post.seats:
                names = [key(name) for name in seat.keys]
                if own.terminal.key in names[:-1]:
                    box, number = Mailbox(seat.new.mailbox), seat.new.number
                    new = OwnTerminal(own.post, number, names[-1], box)
                    own = OwnPost(own.post, own.recovery, [new], own.members)
                    council.sometimes["terminal went on under a new key"] += 1
                elif own.members[0] in names[:-1]:
                    own = OwnPost(own.post, own.recovery, own.terminals, [names[-1]])
                    council.sometimes["member went on under a new key"] += 1
        if own is not of.own:
            of.own = own
            council.hang_up(of)
            of.start()
            council.looked(of)

    def hear(self, who: int, witness: int) -> None:
        """Let a terminal ask a witness."""
        council, of = self._council, self._pick(who)
        if of.stolen or of.directory is None:
            return
        booth = council.booths[sorted(council.booths)[witness % 3]]
        if booth.deaf:
            return
        said = booth.says()
        of.spare()
        council.hears(of, said.bulletins)
        of.take(lambda core: core.said(said, council.now(of)))

    def publish(self) -> None:
        """Let the relay have its logs cosigned."""
        self._council.publish()

    def write(self, who: int, to: int, lane: int = 3) -> None:
        """Let somebody of a post, or its thief, write to another post."""
        council, of = self._council, self._pick(who)
        posts = sorted(council.model.posts)
        post = posts[to % len(posts)]
        if post == of.post:
            return
        council.loop.pass_time(1.0)
        try:
            of.write(post, "Goed nieuws.", LANES[lane % len(LANES)])
        except (PolicyError, FreshnessError):
            council.sometimes["writing refused"] += 1
        else:
            council.sometimes["written by a thief" if of.stolen else "written"] += 1

    def fetch(self, who: int) -> None:
        """Let a terminal empty its mailbox."""
        of = self._pick(who)
        if not of.stolen:
            self._council.fetch(of)

    def crash(self, who: int, commits: int, side: int) -> None:
        """Let a terminal die at one of its next commits, or at once."""
        of = self._pick(who)
        if commits:
            of.doom(commits, SIDES[side % 2])
        else:
            self._council.hang_up(of)
            of.reborn = True
            of.start()
            self._council.looked(of)
            self._council.sometimes["terminal died"] += 1

    def crash_relay(self, side: int) -> None:
        """Let the relay die at its next commit, or at once."""
        council = self._council
        if side < len(SIDES):
            council.relay.mortal.doom(0, SIDES[side])
            council.sometimes[f"relay due to die {SIDES[side]} a commit"] += 1
            return
        council.relay.restart()

    def crash_witness(self, witness: int) -> None:
        booths = self._council.booths
        booths[sorted(booths)[witness % 3]].restart()
        self._council.sometimes["witness died"] += 1

    def deafen(self, witness: int) -> None:
        """Let a witness be out of reach, or within it again."""
        booths = self._council.booths
        booth = booths[sorted(booths)[witness % 3]]
        booth.deaf = not booth.deaf
        self._council.sometimes["witness out of reach"] += booth.deaf

    def skew(self, who: int, hours: int) -> None:
        """Let a terminal's wall clock be wrong."""
        self._pick(who).skew = int(hours * HOUR)
        self._council.sometimes["wall clock wrong"] += bool(hours)

    def skew_witness(self, days: int) -> None:
        """Let the lying witness say another day."""
        self._council.booths["w3"].clock.skew = days * 86_400
        self._council.sometimes["witness' clock wrong"] += bool(days)

    def wait(self, hours: int) -> None:
        """Let time pass for everybody."""
        self._council.loop.pass_time(hours * HOUR)
        self._council.sometimes["hours passed"] += 1

    def steal(self, who: int) -> None:
        """Let a thief have a terminal: it never synchronises again."""
        council, of = self._council, self._pick(who)
        if of.stolen or sum(t.stolen for t in council.terminals.values()) > 1:
            return
        council.hang_up(of)
        of.stolen = True
        of.take(lambda core: core.connected(council.now(of)))
        council.sometimes["terminal stolen"] += 1
