"""Commands whose help and usage errors speak the reader's language.

::

    @command()
    @click.option("--to", metavar="POST", required=True)
    def send(...): ...

Texts come from :mod:`client.cli.guide` by the command's path.  The language is known
before anything is rendered: :class:`Program` looks for ``--lang`` ahead of click.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn, Protocol

import click
from click.exceptions import NoArgsIsHelpError

from client.cli.guide import Guide, Path
from client.exits import Exit
from client.words import LANGUAGES, chosen_language

WIDTH: Final = 80  # columns, where the terminal is wider


def end(sentence: str, status: Exit) -> NoReturn:
    """Say why not, as every refusal of ours is said, and end with ``status``."""
    click.echo(f"koerier: {sentence}", err=True)
    raise click.exceptions.Exit(status)


class SpokenCommand(click.Command):
    """A command whose page comes from the guide."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the page."""
        _write(self, ctx, formatter)


class SpokenGroup(click.Group):
    """A group of commands, with its page from the guide."""

    command_class = SpokenCommand

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the page and the commands of the group."""
        guide, path = _write(self, ctx, formatter)
        rows = [
            (name, guide.short((*path, name)) or self.fallback(ctx, name))
            for name in self.list_commands(ctx)
        ]
        with formatter.section(guide.word("commands")):
            formatter.write_dl(rows)

    def fallback(self, ctx: click.Context, name: str) -> str:
        """Return the line of a command that the guide does not know yet."""
        found = self.get_command(ctx, name)
        return "" if found is None else found.get_short_help_str()


class Program(SpokenGroup):
    """The outermost group: finds the language, and turns errors into sentences."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 -- click's signature
    ) -> click.Context:
        """Return the context, its language known before a page is written."""
        language = _language(args)
        extra["obj"] = {"lang": language}
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            _refuse(error, language)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 -- click's signature
        """Run the command; what was typed wrongly is said in the reader's words."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            _refuse(error, ctx.obj["lang"])
        except (KeyboardInterrupt, EOFError):
            from client.words import Words

            end(Words(ctx.obj["lang"]).say("usage.stopped"), Exit.FAILED)


class _Decorator(Protocol):
    def __call__(self, function: Callable[..., object], /) -> SpokenCommand: ...


def command(name: str | None = None) -> _Decorator:
    """Make a top-level command of a function with click's options."""
    return click.command(name, cls=SpokenCommand)


def group(function: Callable[..., object]) -> SpokenGroup:
    """Make a top-level group; ``@its_name.command()`` adds commands to it."""
    return click.group(cls=SpokenGroup)(function)


def path_of(ctx: click.Context) -> Path:
    """Return the names by which the command was found, without the program's."""
    names: list[str] = []
    while ctx.parent is not None:
        names.insert(0, ctx.info_name or "")
        ctx = ctx.parent
    return tuple(names)


def spelling(param: click.Parameter) -> str:
    """Return how a parameter is called in the guide: as it is typed, undashed."""
    if isinstance(param, click.Argument):
        return param.name or ""
    return max(param.opts, key=len).lstrip("-")


def _refuse(error: click.UsageError, language: str) -> NoReturn:
    if isinstance(error, NoArgsIsHelpError):
        raise error  # its text is the page
    from client.cli.usage import sentence

    end(sentence(error, language), Exit.BAD_INPUT)


def _language(args: Sequence[str]) -> str:
    """Return the language of ``--lang`` before the first command, else of LANG."""
    import os

    wish: str | None = None
    words = iter(args)
    for word in words:
        if word in {"--lang", "--home", "--passphrase-fd", "--member"}:
            value = next(words, None)
            wish = value if word == "--lang" else wish
        elif word.startswith("--lang="):
            wish = word.partition("=")[2]
        elif not word.startswith("-"):
            break
    known = wish if wish in LANGUAGES else None
    return chosen_language(known, os.environ.get("LANG"))


# --- a page


def _write(
    self: click.Command, ctx: click.Context, formatter: click.HelpFormatter
) -> tuple[Guide, Path]:
    guide, path = Guide(ctx.find_root().obj["lang"]), path_of(ctx)
    formatter.width = min(WIDTH, formatter.width)
    params = self.get_params(ctx)
    options = [param for param in params if isinstance(param, click.Option)]
    arguments = [param for param in params if not isinstance(param, click.Option)]
    formatter.write_usage(
        ctx.command_path, _usage(self, guide, arguments), guide.word("usage") + " "
    )
    for paragraph in (guide.text(path) or self.help or "").split("\n\n"):
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(paragraph)
    shown = [
        (_metavar(param, guide, ctx), text)
        for param in arguments
        if (text := guide.option(path, spelling(param)))
    ]
    if shown:
        with formatter.section(guide.word("arguments")):
            formatter.write_dl(shown)
    with formatter.section(guide.word("options")):
        formatter.write_dl([_row(option, guide, path, ctx) for option in options])
    _examples(guide, path, formatter)
    return guide, path


def _usage(
    self: click.Command, guide: Guide, arguments: Sequence[click.Parameter]
) -> str:
    pieces = [guide.word("options-here")]
    for argument in arguments:
        name = guide.metavar(argument.metavar or (argument.name or "").upper())
        pieces.append(name if argument.required else f"[{name}]")
    if isinstance(self, click.Group):
        pieces.append(guide.word("command-here"))
    return " ".join(pieces)


def _metavar(param: click.Parameter, guide: Guide, ctx: click.Context) -> str:
    if isinstance(param.type, click.Choice):
        return param.make_metavar(ctx)
    name = param.metavar or (
        param.name or "" if isinstance(param, click.Argument) else param.type.name
    )
    return guide.metavar(name.upper())


def _row(
    option: click.Option, guide: Guide, path: Path, ctx: click.Context
) -> tuple[str, str]:
    """Return how an option is typed, and what it means."""
    typed = ", ".join(sorted(option.opts, key=len))
    if not option.is_flag:
        typed = f"{typed} {_metavar(option, guide, ctx)}"
    said = guide.option(path, spelling(option)) or option.help or ""
    marks = [guide.word("required")] if option.required else []
    if option.show_default and option.default is not None:
        marks.append(f"{guide.word('default')}: {option.default}")
    if option.multiple:
        marks.append(guide.word("repeatable"))
    return typed, f"{said}  [{'; '.join(marks)}]" if marks else said


def _examples(guide: Guide, path: Path, formatter: click.HelpFormatter) -> None:
    lines = guide.example(path).strip().splitlines()
    if lines:
        with formatter.section(guide.word("examples")):
            for line in lines:
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
