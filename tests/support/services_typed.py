"""The relay's and the witness's commands, in this process."""

from click.testing import CliRunner, Result

from server import cli
from server.witness import cli as witness_cli


def relay(*words: object) -> Result:
    """Run a command of ``koerier-relay``."""
    return CliRunner().invoke(cli.main, [str(word) for word in words])


def witness(*words: object) -> Result:
    """Run a command of ``koerier-witness``."""
    return CliRunner().invoke(witness_cli.main, [str(word) for word in words])
