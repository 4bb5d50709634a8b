"""What a witness tells everybody: restrictions that a hostile relay would not log.

A bulletin is the carrier of a restriction (:mod:`protocol.restriction`), signed by
one key that the witness knows: an operator of the root document or, at a mirror, any
key of the directory.  The witness keeps it until the key log has it, and hands all
out to whoever asks; readers verify it themselves, so a witness that lies can only
be silent, and then the others speak.  An order to destroy a vault, by two operators,
stays up: the terminal that it is for was suspended, and reads no key log any more::

    board = board.post(data, keys, realm)       # or a refusal; persist, then answer
    board.bulletins                             # what is served, oldest first
    board = board.without(logged)               # under a cosigned checkpoint

Strangers can post nothing, and one key only so much that it cannot crowd out the
others, nor can all of them together an operator.

Source: docs/spec/log.md section 5; docs/spec/root-and-directory.md section 6.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta

from crypto.digest import H
from crypto.sign import Realm, Usage, VerifyKey
from crypto.types import Digest, KeyId
from protocol.codec import Message, decode
from protocol.directory_rules import ZEROISE_OPERATORS
from protocol.errors import BusyError, VerificationError
from protocol.fields import V1
from protocol.limits import KIB
from protocol.restriction import Restriction
from protocol.signed import Signed, require, signers
from protocol.zeroising import is_order

MAX_BULLETIN: Final = 16 * KIB  # bytes: a reason and two signatures of S2
MAX_OF_ONE_KEY: Final = 16  # bulletins: policy lets an operator have 3 unconfirmed
MAX_OF_OTHERS: Final = 256  # of all who are no operators, together
MAX_ORDERS: Final = 64  # to destroy a vault, in all; the oldest make place
MAX_BOARD: Final = MAX_OF_OTHERS + 16 * MAX_OF_ONE_KEY + MAX_ORDERS  # bulletins
MAX_SERVED: Final = MAX_BOARD * (MAX_BULLETIN + 8)  # bytes
# What a root document's operators may have comes on top.  (16 of them at most.)


class Bulletins(Message):
    """What a witness answers: every bulletin as it arrived, oldest first."""

    v: V1
    bulletins: Annotated[
        tuple[Annotated[bytes, Meta(max_length=MAX_BULLETIN)], ...],
        Meta(max_length=MAX_BOARD),
    ] = ()


@dataclass(frozen=True, slots=True)
class Bulletin:
    """A restriction or an order as it arrived, and the known keys that signed it."""

    data: bytes
    name: Digest  # H(document)
    by: frozenset[KeyId]
    order: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """All bulletins of one witness, oldest first."""

    kept: tuple[Bulletin, ...] = ()

    @property
    def bulletins(self) -> tuple[bytes, ...]:
        """The bytes as they arrived, to serve."""
        return tuple(bulletin.data for bulletin in self.kept)

    def post(
        self,
        data: bytes,
        keys: Mapping[KeyId, VerifyKey],
        realm: Realm,
        *,
        operators: AbstractSet[KeyId] = frozenset(),
    ) -> "Board":
        """Return the board with one more bulletin; the same if it has it.

        Args:
            data: the encoded carrier.
            keys: that the witness knows.
            realm: of the root document.
            operators: those of the keys whose place nobody else can take.

        Raises:
            MalformedError: neither a signed restriction nor an order.
            VerificationError: no known key signed it, or a signature does not hold.
            ThresholdError: an order by fewer than two operators.
            BusyError: its signer has as many as one key may have, or all who are no
                operators have as many as they may have together.
        """
        signed = decode(data, Signed, limit=MAX_BULLETIN)
        if is_order(signed):
            named = {key: keys[key] for key in operators & keys.keys()}
            return self._ordered(data, signed, named, realm)
        by = signers(signed, keys, usage=Usage.SUSPEND, realm=realm)
        if not by:
            raise VerificationError("a bulletin by nobody that is known")
        decode(signed.document, Restriction)
        name = H(signed.document)
        if any(bulletin.name == name for bulletin in self.kept):
            return self
        cuts = [bulletin for bulletin in self.kept if not bulletin.order]
        for key in by:
            if sum(key in bulletin.by for bulletin in cuts) >= MAX_OF_ONE_KEY:
                raise BusyError
        others = sum(not kept.by & operators for kept in cuts)
        if not by & operators and others >= MAX_OF_OTHERS:
            raise BusyError
        return Board((*self.kept, Bulletin(data, name, by)))

    def _ordered(
        self,
        data: bytes,
        signed: Signed,
        operators: Mapping[KeyId, VerifyKey],
        realm: Realm,
    ) -> "Board":
        by = signers(signed, operators, usage=Usage.ZEROISE, realm=realm)
        require(by, permitted=operators.keys(), required=ZEROISE_OPERATORS)
        if any(bulletin.name == signed.digest for bulletin in self.kept):
            return self
        cuts = tuple(kept for kept in self.kept if not kept.order)
        orders = [kept for kept in self.kept if kept.order][1 - MAX_ORDERS :]
        return Board((*cuts, *orders, Bulletin(data, signed.digest, by, order=True)))

    def without(self, logged: AbstractSet[Digest]) -> "Board":
        """Return the board without what the key log has, by H(restriction).

        Orders stay: those whom they are for read no log any more.
        """
        return Board(
            tuple(kept for kept in self.kept if kept.order or kept.name not in logged)
        )
