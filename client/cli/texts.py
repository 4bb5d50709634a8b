"""Texts on the command line that are one line: names, subjects, reasons, posts."""

import re
from typing import Final

import click

from client.harmless import is_plain

_POST: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")  # as protocol.fields.PostId


class OneLine(click.ParamType[str]):
    """One line of plain text: refused where others would see codes in it.

    What is not valid UTF-8 on the command line is no plain text either.
    """

    name = "line"

    def convert(
        self,
        value: str,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Return the text as it was typed, not blank."""
        if not value.strip() or not is_plain(value):
            raise click.BadParameter("no line", ctx, param)
        return value


class PostName(click.ParamType[str]):
    """The short name of a post, as the directory has them."""

    name = "post"

    def convert(
        self,
        value: str,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Return the name as it was typed."""
        if not _POST.fullmatch(value):
            raise click.BadParameter("no post", ctx, param)
        return value
