"""What every command shares: home, language, output, refusals, passphrases."""

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, NoReturn, ParamSpec

import click

from client.cli.folding import columns, folded, is_theirs
from client.door import asking
from client.exits import AgentRefusal, Exit
from client.files import NOT_ORDINARY, TOO_LARGE
from client.harmless import harmless, json_text
from client.home import Home, HomeError
from client.words import Words, chosen_language
from crypto.entropy import Entropy, system

if TYPE_CHECKING:  # the vault is imported by a command that opens one
    from client.agent.terminal import OpenTerminal

P = ParamSpec("P")
MAX_PASSPHRASE = 1024  # bytes read from a descriptor

as_json = click.option("--json", "as_json", is_flag=True)
passphrase_fd = click.option("--passphrase-fd", type=int, metavar="N")
new_passphrase_fd = click.option("--new-passphrase-fd", type=int, metavar="N")
sheet_fd = click.option("--sheet-fd", type=int, metavar="N")

# What the system says of a file, in our words; anything else is "file.other".
FILE_TROUBLE = {
    errno.ENOENT: "file.missing",
    errno.EACCES: "file.not-allowed",
    errno.EPERM: "file.not-allowed",
    errno.EISDIR: "file.is-folder",
    errno.EEXIST: "file.exists",
    errno.ENOSPC: "file.disk-full",
    NOT_ORDINARY: "file.not-ordinary",
    TOO_LARGE: "file.too-large",
    errno.ESTALE: "file.changed",
}


class Shell:
    """The context of one command."""

    def __init__(
        self,
        home: str | None,
        language: str | None,
        descriptor: int | None = None,
        member: str | None = None,
    ) -> None:
        self.home = Home.chosen(home)
        self.words = Words(chosen_language(language, os.environ.get("LANG")))
        self._descriptor = descriptor  # where a command without an agent unlocks from
        self._member = member
        self._seat_known = False  # whether it is the named member who sits
        self._known: str | None = None  # the passphrase that unlocks, once it is known
        self._alone: OpenTerminal | None = None

    @property
    def entropy(self) -> Entropy:
        """Return the randomness that keys and nonces are drawn from."""
        return system

    def say(self, code: str, **parts: object) -> None:
        """Print a sentence on standard output."""
        click.echo(self._shown(code, parts, err=False))

    def tell(self, code: str, **parts: object) -> None:
        """Print a sentence on standard error: progress and hints."""
        click.echo(self._shown(code, parts, err=True), err=True)

    def refuse(self, code: str, status: Exit, **parts: object) -> NoReturn:
        """Say why not, and end with ``status``."""
        click.echo("koerier: " + self.sentence(code, **parts), err=True)
        sys.exit(status)

    def sentence(self, code: str, **parts: object) -> str:
        """Return the sentence; what others wrote in it is shown and not obeyed."""
        safe = {
            name: part if isinstance(part, (int, float)) else harmless(str(part))
            for name, part in parts.items()
        }
        return self.words.say(code, **safe)

    def _shown(self, code: str, parts: dict[str, object], *, err: bool) -> str:
        """Return the sentence as the screen gets it."""
        sentence = self.sentence(code, **parts)
        width = columns(err=err) if is_theirs(code) else None
        return sentence if width is None else folded(sentence, width)

    def ask(self, method: str, /, **arguments: object) -> Any:  # noqa: ANN401 -- JSON
        """Ask the agent; a refusal or a missing agent ends the command."""
        try:
            return self._answer(method, arguments)
        except AgentRefusal as refusal:
            self.refuse(refusal.code, Exit(refusal.exit_code), **refusal.parts)

    def _answer(self, method: str, arguments: dict[str, object]) -> Any:  # noqa: ANN401 -- JSON
        """Return the agent's answer, or that of the vault opened for this command."""
        if self._alone is None:
            try:
                self._require_seat()
                return asking.ask(self.home, method, **arguments)
            except asking.NoAgentError:
                self._alone = self._open_alone()
        return self._alone.answer(method, arguments)[0]

    def _require_seat(self) -> None:
        """End the command where it names a member and the agent signs as another.

        Raises:
            NoAgentError: no agent runs; the named member then unlocks.
        """
        if self._member is None or self._seat_known:
            return
        seated = [
            one["name"] for one in asking.ask(self.home, "members") if one["seated"]
        ]
        if seated != [self._member]:
            self.refuse("member.other-sits", Exit.BAD_INPUT, name=self._member)
        self._seat_known = True

    def stream(self, method: str, /, **arguments: object) -> Iterator[Any]:
        """Yield the agent's answers; only an agent has any."""
        try:
            self._require_seat()
            yield from asking.stream(self.home, method, **arguments)
        except asking.NoAgentError:
            self.refuse("agent.locked", Exit.LOCKED)
        except AgentRefusal as refusal:
            self.refuse(refusal.code, Exit(refusal.exit_code), **refusal.parts)

    def facts(self) -> tuple[bool, Any]:
        """Return whether an agent runs, and what is known inside the vault, if open."""
        try:
            return True, asking.ask(self.home, "checkup")
        except asking.NoAgentError:
            if self._descriptor is None and self._known is None:
                return False, None  # nothing is asked of who only wants to look
        return False, self.ask("checkup")

    def round(self, wait: int) -> Any:  # noqa: ANN401 -- JSON
        """Return what one round of synchronising changed, by the agent or without."""
        try:
            self._require_seat()
            return asking.ask(self.home, "sync", wait=wait)
        except asking.NoAgentError:
            word = self._unlocking()
        from client.agent.process import sync_once

        return sync_once(self.home, word, self._member, wait)

    def _open_alone(self) -> "OpenTerminal":
        word = self._unlocking()
        from client.agent.alone import open_alone

        return open_alone(self.home, word, self.entropy, self._member)

    def _unlocking(self) -> str:
        """Return the passphrase of a command that has no agent to ask."""
        self.home.require_whole()
        known = self._known is not None or self._descriptor is not None
        if not known and not _at_a_terminal():  # nobody there to ask
            self.refuse("agent.locked", Exit.LOCKED)
        self.home.config()
        return self._known or self.passphrase(self._descriptor)

    @property
    def alone(self) -> bool:
        """Whether the vault was opened for this command, without an agent."""
        return self._alone is not None

    def close(self) -> None:
        """Close the vault, if this command opened it."""
        if self._alone is not None:
            self._alone.close()

    def passphrase(self, descriptor: int | None, *, fresh: bool = False) -> str:
        """Return the passphrase: from a descriptor, else typed; never from argv.

        Args:
            descriptor: an open file descriptor, its first line; None: the terminal.
            fresh: ask twice, because nobody could check a typing error later.
        """
        self.home.require_whole()
        if descriptor is not None:
            try:
                with os.fdopen(descriptor, "rb") as file:
                    line = file.readline(MAX_PASSPHRASE).decode()
            except (OSError, UnicodeDecodeError):
                self.refuse("passphrase.unreadable", Exit.BAD_INPUT)
            return self._accepted(line.rstrip("\r\n"), fresh=fresh)
        typed = self.typed("passphrase.ask")
        if fresh and self.typed("passphrase.again") != typed:
            self.refuse("passphrase.differ", Exit.BAD_INPUT)
        return self._accepted(typed, fresh=fresh)

    def _accepted(self, passphrase: str, *, fresh: bool) -> str:
        if not fresh:
            self._known = passphrase
            return passphrase
        from client.vault.locked import LEAST_CHARACTERS, strong_enough

        if not strong_enough(passphrase):
            self.refuse("passphrase.weak", Exit.BAD_INPUT, least=LEAST_CHARACTERS)
        return passphrase

    def typed(self, question: str, **parts: object) -> str:
        """Return a line typed at the terminal, unseen; without one, nothing is asked.

        Where getpass finds no terminal it would read, and show, standard input.
        """
        import getpass
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            try:
                return getpass.getpass(self.words.say(question, **parts) + " ")
            except getpass.GetPassWarning:
                self.refuse("passphrase.no-terminal", Exit.BAD_INPUT)


def _at_a_terminal() -> bool:
    return sys.stderr.isatty()


def with_shell(
    function: Callable[Concatenate[Shell, P], None],
) -> Callable[P, None]:
    """Give a command its :class:`Shell`, and turn a wrong home into its sentence."""

    @click.pass_context
    @wraps(function)
    def wrapped(ctx: click.Context, /, *args: P.args, **kwargs: P.kwargs) -> None:
        options = ctx.obj or {}
        shell = Shell(
            options.get("home"),
            options.get("lang"),
            options.get("descriptor"),
            options.get("member"),
        )
        try:
            function(shell, *args, **kwargs)
            sys.stdout.flush()  # here it can still be told that it did not work
        except HomeError as error:
            shell.refuse(error.code, error.status, **error.parts)
        except BrokenPipeError:
            raise  # whoever read us went away: click ends quietly
        except OSError as error:
            if error.filename is None:
                _drop_output(error)
                shell.refuse("file.no-output", Exit.FAILED)
            code = FILE_TROUBLE.get(error.errno or 0, "file.other")
            shell.refuse(code, Exit.BAD_INPUT, file=str(error.filename))
        finally:
            shell.close()

    return wrapped


def _drop_output(error: OSError) -> None:
    """Let what could not be written go nowhere: Python tries once more as it ends.

    Raises:
        OSError: ``error``, where it is not about our output.
    """
    if error.errno not in {errno.ENOSPC, errno.EIO, errno.EBADF}:
        raise error
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def print_json(value: object) -> None:
    """Print one JSON value, and nothing else, on standard output."""
    click.echo(json_text(value))
