"""``koerier operator propose|rotate|revoke``: one operator says what should change.

Each makes the bytes of one entry, shows them, signs them, and hands them on to the
other operators.  Nothing changes before another of them has approved.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from client.cli.messages import LEVELS
from client.cli.shell import Shell, passphrase_fd, with_shell
from client.cli.signing import (
    FILE,
    Office,
    hand_on,
    out_option,
    reason_option,
    require_out,
    root_option,
    to_option,
    with_own,
)
from client.cli.spoken import SpokenCommand, SpokenGroup
from client.clock import SystemClock
from client.exits import Exit
from client.operator.addition import (
    AdditionRequest,
    Position,
    addition_proposal,
    read_request,
)
from client.operator.changes import (
    Whom,
    changed_details,
    changed_rights,
    place_at,
    revoked,
    rights_of,
    typed_key,
    typed_restrictions,
)
from client.operator.documents import RotationRequest, read_document
from client.operator.enrolment import proposal
from crypto.sign import Usage
from crypto.types import KeyId
from protocol.codec import decode
from protocol.directory_entry import Action, DirectoryEntry, LaterChange
from protocol.errors import ProtocolError
from protocol.label import Clearance, Level
from protocol.policy import WEEK
from protocol.proposal import propose as make_entry

_position = click.option("--position", "position_file", type=FILE)


def _shared(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that every proposal has."""
    for option in (root_option, out_option, to_option, passphrase_fd):
        function = option(function)
    return function


def _rights(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say rights."""
    for option in (
        click.option("--level", type=click.Choice(LEVELS), required=True),
        click.option("--release", type=click.Choice(LEVELS)),
        click.option("--eyes-only", is_flag=True),
        click.option("--scheme", "schemes", multiple=True, metavar="EU|NATO|..."),
    ):
        function = option(function)
    return function


def whom_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say whose key is meant."""
    for option in (
        click.option("--key", metavar="ID"),
        click.option("--terminal", type=click.IntRange(1, 255), metavar="N"),
        click.option("--member", metavar="NAME"),
    ):
        function = option(function)
    return function


class FileOrWord(SpokenGroup):
    """A group whose first argument may also be a request file: ``propose FILE``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command; what is none of them is a file to ``enrol``."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["enrol", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=FileOrWord)
def propose() -> None:
    """Propose a change, and sign it first."""


@propose.command()
@click.argument("request_file", type=FILE, metavar="FILE")
@_rights
@_shared
@with_shell
def enrol(
    shell: Shell,
    /,
    *,
    request_file: Path,
    root_file: Path | None,
    out: Path | None,
    to: tuple[str, ...],
    passphrase_fd: int | None,
    **rights: Any,  # noqa: ANN401 -- options of _rights
) -> None:
    """Propose what a request asks, with rights: a post, a terminal or a member."""
    office = Office(shell, root_file)
    require_out(office, out)
    asked, bad = read_request(request_file), {"file": request_file, "kind": "request"}
    cleared, release = _typed_rights(**rights)
    expires = SystemClock().wall() + WEEK
    try:
        document = (
            addition_proposal(asked, cleared, release, expires=expires)
            if isinstance(asked, AdditionRequest)
            else proposal(asked, cleared, release, expires=expires)
        )
    except ProtocolError:
        shell.refuse("operator.bad-file", Exit.BAD_INPUT, **bad)
    _sign_and_hand_on(office, document, out, to, passphrase_fd)


@propose.command("rights")
@click.argument("post", metavar="POST")
@click.option("--post-wide", is_flag=True)
@whom_options
@_rights
@reason_option
@_position
@_shared
@with_shell
def rights_(
    shell: Shell,
    /,
    *,
    post: str,
    post_wide: bool,
    reason: str,
    **options: Any,  # noqa: ANN401 -- options that others share
) -> None:
    """Propose other rights of a post, or of one terminal or member of it."""
    named = _whom(options)
    if named.one is post_wide or not (named.one or named.whole_post):
        shell.refuse("operator.whose-rights", Exit.BAD_INPUT)
    names = ("level", "release", "eyes_only", "schemes")
    cleared, release = _typed_rights(**{name: options[name] for name in names})
    _change(
        shell,
        post,
        reason,
        options,
        lambda: changed_rights(_whole_key(named), cleared, release),
        action="rights",
        level=cleared.level.value,
        release=None if release is None else release.value,
        eyes_only=options["eyes_only"],
        schemes=list(options["schemes"]),
    )


@propose.command()
@click.argument("post", metavar="POST")
@click.option("--name-nl")
@click.option("--name-en")
@click.option("--collective", "collectives", multiple=True, metavar="NAME")
@click.option("--no-collectives", is_flag=True)
@reason_option
@_position
@_shared
@with_shell
def details(
    shell: Shell,
    /,
    *,
    post: str,
    name_nl: str | None,
    name_en: str | None,
    collectives: tuple[str, ...],
    no_collectives: bool,
    reason: str,
    **options: Any,  # noqa: ANN401 -- options that others share
) -> None:
    """Propose another name or other collective addresses; what is not given stays."""
    groups = collectives if collectives or no_collectives else None
    if name_nl is None and name_en is None and groups is None:
        shell.refuse("operator.which-details", Exit.BAD_INPUT)
    typed = {"name_nl": name_nl, "name_en": name_en}
    _change(
        shell,
        post,
        reason,
        options,
        lambda: changed_details(None, **typed, collectives=groups),
        action="details",
        **typed,
        collectives=None if groups is None else list(groups),
    )


@propose.command()
@click.argument("post", metavar="POST")
@click.argument("restrictions", nargs=-1, metavar="RESTRICTION")
@reason_option
@_position
@_shared
@with_shell
def lift(
    shell: Shell,
    /,
    *,
    post: str,
    restrictions: tuple[str, ...],
    reason: str,
    **options: Any,  # noqa: ANN401 -- options that others share
) -> None:
    """Propose to end restrictions of a post: those named, or all that stand."""
    _change(
        shell,
        post,
        reason,
        options,
        lambda: typed_restrictions(restrictions),
        action="lift",
        restrictions=list(restrictions),
    )


@click.command(cls=SpokenCommand)
@click.argument("request_file", type=FILE, metavar="FILE")
@_shared
@with_shell
def rotate(
    shell: Shell,
    /,
    *,
    request_file: Path,
    root_file: Path | None,
    out: Path | None,
    to: tuple[str, ...],
    passphrase_fd: int | None,
) -> None:
    """Propose the new keys that a post asks for in the place of its old ones."""
    office = Office(shell, root_file)
    require_out(office, out)
    asked = read_document(request_file, RotationRequest, "rotation request").proposal
    try:
        entry = decode(asked.document, DirectoryEntry)
    except ProtocolError:
        entry = None
    if entry is None or entry.action is not Action.ROTATE or not asked.signatures:
        parts = {"file": request_file, "kind": "rotation request"}
        shell.refuse("operator.bad-file", Exit.BAD_INPUT, **parts)
    office.show(asked.document)
    own = office.sign(asked.document, Usage.DIR, passphrase_fd)
    hand_on(office, with_own(asked, own), out=out, to=to)


@click.command(cls=SpokenCommand)
@click.argument("post", metavar="POST")
@whom_options
@click.option("--whole-post", is_flag=True)
@reason_option
@_position
@_shared
@with_shell
def revoke(
    shell: Shell,
    /,
    *,
    post: str,
    whole_post: bool,
    reason: str,
    **options: Any,  # noqa: ANN401 -- options that others share
) -> None:
    """Propose to end one key, or a whole post, for good."""
    named = _whom(options)
    if named.one is whole_post or not (named.one or named.whole_post):
        shell.refuse("operator.what-ends", Exit.BAD_INPUT)

    def typed() -> LaterChange:
        key = _whole_key(named)
        return revoked(*(() if key is None else (key,)))

    _change(shell, post, reason, options, typed, action="revoke")


def _change(
    shell: Shell,
    post: str,
    reason: str,
    options: dict[str, Any],
    by_file: Callable[[], LaterChange],
    **asked: object,
) -> None:
    """Make the entry of a typed change: of the terminal's directory, or by hand."""
    office, out = Office(shell, options["root_file"]), options["out"]
    require_out(office, out)
    if office.by_file:
        if options["position_file"] is None:
            shell.refuse("operator.position-needed", Exit.BAD_INPUT)
        where = read_document(options["position_file"], Position, "position")
        if where.post != post:
            shell.refuse("operator.other-position", Exit.BAD_INPUT, post=where.post)
        change = by_file()
        expires = SystemClock().wall() + WEEK
        place = place_at(where, change)
        document = make_entry(place, change, expires=expires, reason=reason)
    else:
        named = {k: options.get(k) for k in ("key", "terminal", "member")}
        found = shell.ask("operator-change", post=post, reason=reason, **named, **asked)
        document = bytes.fromhex(found["document"])
    _sign_and_hand_on(office, document, out, options["to"], options["passphrase_fd"])


def _sign_and_hand_on(
    office: Office,
    document: bytes,
    out: Path | None,
    to: tuple[str, ...],
    descriptor: int | None,
) -> None:
    office.show(document)
    signed = office.sign(document, Usage.DIR, descriptor)
    hand_on(office, signed, out=out, to=to)


def _typed_rights(
    level: str, release: str | None, *, eyes_only: bool, schemes: tuple[str, ...]
) -> tuple[Clearance, Level | None]:
    highest = None if release is None else Level(LEVELS.index(release))
    return rights_of(
        Level(LEVELS.index(level)), highest, eyes_only=eyes_only, schemes=schemes
    )


def _whom(options: dict[str, Any]) -> Whom:
    return Whom(options["key"], options["terminal"], options["member"])


def _whole_key(named: Whom) -> KeyId | None:
    return None if named.whole_post else typed_key(named.key or "")
