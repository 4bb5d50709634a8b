"""What is wrong with a report's file, in a line each."""

from client.words import Words
from protocol.incident.check import parse
from protocol.incident.problems import Problem, ReportError


def problems_of(data: bytes, name: str, words: Words) -> tuple[str, ...]:
    """Return ``NAME: field: what is wrong, what would be right`` for each problem."""
    try:
        parse(data, name)
    except ReportError as error:
        return tuple(_line(problem, name, words) for problem in error.problems)
    return ()


def _line(problem: Problem, name: str, words: Words) -> str:
    parts = dict(problem.parts)
    for section in ("wants", "found"):
        if section in parts:
            parts[section] = words.say(f"{section}.{parts[section]}", **problem.parts)
    return f"{name}: {problem.path}: {words.say(f'report.{problem.flaw}', **parts)}"
