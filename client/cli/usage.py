"""What was typed wrongly, in one sentence of the reader's language.

click knows what is wrong and says it in English; here its kinds of error become our
codes.  What the reader typed is shown cut short and harmless.
"""

from typing import Final

import click

from client.harmless import harmless
from client.words import Words

SHOWN: Final = 40  # characters of what was typed
KINDS: Final = {
    "integer": "usage.not-a-number",
    "integer range": "usage.not-a-number",
    "filename": "usage.not-readable",
    "file": "usage.not-readable",
    "path": "usage.not-readable",
    "directory": "usage.not-readable",
    "day": "usage.not-a-day",
    "line": "usage.not-a-line",
}


def sentence(error: click.UsageError, language: str) -> str:
    """Return the sentence for a usage error, ending in where to look."""
    words = Words(language)
    hint = "koerier" if error.ctx is None else _path(error.ctx)
    what = _what(error, words)
    return f"{what} {words.say('usage.hint', command=hint)}"


def _path(ctx: click.Context) -> str:
    names: list[str] = []
    here: click.Context | None = ctx
    while here is not None and here.parent is not None:
        names.insert(0, here.info_name or "")
        here = here.parent
    return " ".join(["koerier", *names])


def _what(error: click.UsageError, words: Words) -> str:
    match error:
        case click.MissingParameter():
            return words.say("usage.missing", name=_name(error.param))
        case click.BadParameter():
            return _bad(error, words)
        case click.NoSuchOption():
            return words.say("usage.no-option", name=shown(error.option_name))
        case click.NoSuchCommand():
            return words.say("usage.no-command", name=shown(error.command_name))
        case click.BadOptionUsage():
            return words.say("usage.bad-option", name=shown(error.option_name))
        case _:
            group = error.ctx and isinstance(error.ctx.command, click.Group)
            return words.say("usage.which" if group else "usage.too-much")


def _bad(error: click.BadParameter, words: Words) -> str:
    param = error.param
    name = _name(param)
    if param is None:
        return words.say("usage.wrong", name=name)
    if isinstance(param.type, click.Choice):
        choices = ", ".join(map(str, param.type.choices))
        return words.say("usage.not-a-choice", name=name, choices=choices)
    return words.say(KINDS.get(param.type.name, "usage.wrong"), name=name)


def _name(param: click.Parameter | None) -> str:
    if param is None:
        return "?"
    if isinstance(param, click.Argument):
        return (param.metavar or param.name or "").upper()
    return max(param.opts, key=len)


def shown(typed: str) -> str:
    """Return what was typed, cut short, with characters that move shown as codes."""
    cut = typed if len(typed) <= SHOWN else typed[:SHOWN] + "…"
    return harmless(cut)
