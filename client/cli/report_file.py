"""What is wrong with a report's file, in a line each."""

from protocol.incident.check import parse
from protocol.incident.problems import ReportError


def problems_of(data: bytes, name: str) -> tuple[str, ...]:
    """Return ``NAME: field: what is wrong, what would be right`` for each problem."""
    try:
        parse(data, name)
    except ReportError as error:
        return error.lines()
    return ()
