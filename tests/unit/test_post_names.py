"""The short name of a post has one form, wherever it is typed or read."""

import re

import click
import pytest

from client.cli.texts import PostName
from protocol.fields import POST_ID

NAMES = ["a", "bern", "bern-2", "2", "a" * 63, "", "-a", "Bern", "a_b", "a b", "a" * 64]


@pytest.mark.parametrize("name", NAMES)
def test_a_command_takes_what_a_document_takes(name: str) -> None:
    if re.fullmatch(POST_ID, name):
        assert PostName().convert(name, None, None) == name
    else:
        with pytest.raises(click.BadParameter):
            PostName().convert(name, None, None)
