"""Dates as a diplomat writes and reads them; JSON keeps ISO 8601."""

import datetime as dt
from typing import Final

import click

MONTHS: Final = (
    *("JAN", "FEB", "MAR", "APR", "MAY", "JUN"),
    *("JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)
WRITTEN: Final = ("%d-%m-%Y", "%Y-%m-%d")


def clock(iso: str) -> str:
    """Return a time of the agent as this place's clock shows it: 23-11-2026 16:30."""
    return dt.datetime.fromisoformat(iso).astimezone().strftime("%d-%m-%Y %H:%M")


def dtg(iso: str) -> str:
    """Return a time of the agent as a date-time group in UTC: 231530Z NOV 26."""
    moment = dt.datetime.fromisoformat(iso).astimezone(dt.UTC)
    month = MONTHS[moment.month - 1]
    return f"{moment:%d%H%M}Z {month} {moment:%y}"


class Day(click.ParamType[str]):
    """A day as 30-06-2027 or 2027-06-30; its value is the second form."""

    name = "day"

    def convert(
        self,
        value: str,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Return the day in ISO 8601."""
        for form in WRITTEN:
            try:
                # A day without a time: no clock and no zone is meant by it.
                found = dt.datetime.strptime(value, form)  # noqa: DTZ007 -- the form says no zone: it is UTC
            except ValueError:
                continue
            return found.date().isoformat()
        raise click.BadParameter(value, ctx, param)
