"""Texts on the command line that are one line: names, subjects, reasons."""

import click

from client.harmless import is_plain


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
