"""Enrolling a post: what each side makes, as pure functions.

The terminal draws its own keys and proves them; operators add rights and sign.  No
operator ever holds a post's private key.
"""

from dataclasses import dataclass

from msgspec import structs

from client.operator.documents import Invitation, Request
from crypto.entropy import Entropy
from crypto.kdf import derive
from crypto.sign import Realm, SigningKey
from crypto.suite import SUITES, SuiteId
from crypto.types import ZERO_DIGEST, Digest, Mailbox, Secret
from protocol.directory_entry import (
    Action,
    Details,
    Enrolment,
    NewMember,
    NewTerminal,
    Recovery,
)
from protocol.label import Clearance, Level
from protocol.proposal import Place, propose, prove
from protocol.signed import carried

NONE = Clearance(level=Level.ONGERUBRICEERD)  # a request asks for no right
NONCE_BYTES = 32
MAILBOX_BYTES = 16
PAPER_BYTES = 32
PAPER_LABEL = b"koerier/v1/paper"


@dataclass(frozen=True, slots=True)
class NewKeys:
    """Seeds that a new terminal draws, and whose it is."""

    suite: SuiteId
    post: str
    name: str  # of the first member
    terminal: Secret
    member: Secret
    paper: Secret  # 32 bytes, for the paper in the safe; not kept on the machine


def draw_keys(suite: SuiteId, post: str, name: str, entropy: Entropy) -> NewKeys:
    """Return fresh seeds for a terminal of ``post`` whose first member is ``name``."""
    size = SUITES[suite].signature_seed
    return NewKeys(
        suite,
        post,
        name,
        Secret(entropy(size)),
        Secret(entropy(size)),
        Secret(entropy(PAPER_BYTES)),
    )


def paper_key(suite: SuiteId, paper: Secret) -> SigningKey:
    """Return the post's recovery key of the 32 bytes that stand on its paper."""
    size = SUITES[suite].signature_seed
    return SigningKey.from_seed(suite, derive(suite, paper, PAPER_LABEL, size=size))


def invite(
    root: Digest,
    post: str,
    names: tuple[str, str],
    *,
    until: int,
    entropy: Entropy,
) -> Invitation:
    """Return the invitation of a post that the directory does not have yet."""
    nl, en = names
    return Invitation(
        v=1,
        root=root,
        post=post,
        name_nl=nl,
        name_en=en,
        version=1,
        prev=ZERO_DIGEST,
        nonces=tuple(entropy(NONCE_BYTES) for _ in range(3)),
        until=until,
    )


def request(
    invitation: Invitation,
    keys: NewKeys,
    *,
    realm: Realm,
    until: int,
    entropy: Entropy,
) -> Request:
    """Return the request of a new terminal, each key proven for this place (B23)."""
    place = _place(invitation)
    signing = [
        SigningKey.from_seed(keys.suite, keys.terminal),
        SigningKey.from_seed(keys.suite, keys.member),
        paper_key(keys.suite, keys.paper),
    ]
    proofs = [
        prove(key, place, nonce=nonce, realm=realm)
        for key, nonce in zip(signing, invitation.nonces, strict=True)
    ]
    return Request(
        v=1,
        invitation=invitation,
        terminal=NewTerminal(
            number=invitation.number,
            key=carried(signing[0]),
            mailbox=Mailbox(entropy(MAILBOX_BYTES)),
            clearance=NONE,
            until=until,
            proof=proofs[0],
        ),
        member=NewMember(
            key=carried(signing[1]),
            name=keys.name,
            clearance=NONE,
            until=until,
            proof=proofs[1],
        ),
        recovery=Recovery(key=carried(signing[2]), proof=proofs[2]),
    )


def proposal(
    asked: Request, cleared: Clearance, release: Level | None, *, expires: int
) -> bytes:
    """Return the entry that enrols what was asked, with these rights."""
    invitation = asked.invitation
    return propose(
        _place(invitation),
        Enrolment(
            details=Details(name_nl=invitation.name_nl, name_en=invitation.name_en),
            clearance=cleared,
            recovery=asked.recovery,
            terminals=(structs.replace(asked.terminal, clearance=cleared),),
            members=(
                structs.replace(asked.member, clearance=cleared, may_release=release),
            ),
        ),
        expires=expires,
        reason="enrolment by invitation",
    )


def _place(invitation: Invitation) -> Place:
    return Place(
        root=invitation.root,
        post=invitation.post,
        action=Action.ENROL if invitation.version == 1 else Action.RE_ENROL,
        version=invitation.version,
        prev=invitation.prev,
    )
