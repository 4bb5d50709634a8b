"""docs/json-output.md and what commands print with `--json`: the same, both ways.

What real commands print is compared wherever a test types one
(:mod:`tests.support.typed`, :mod:`tests.support.live`); here are the page itself, the
comparison, and the commands of a day over one terminal.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from client.cli.main import main
from client.door import asking
from tests.support.desk import exchange
from tests.support.fake_relay import FakeRelay
from tests.support.home_desk import HomeDesk, beside
from tests.support.json_page import blocks, faults, named_in, rows_of
from tests.support.light import make_light
from tests.support.ministry import Ministry
from tests.support.typed import koerier, told

CLIENT = Path(__file__).parents[2] / "client"
CHECK = "audit evidence --check"


def printing(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield every command that has `--json`."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from printing(found, (*path, name))
    elif any("--json" in param.opts for param in command.params):
        yield " ".join(path)


def test_every_command_with_json_is_on_the_page_and_no_other() -> None:
    assert set(blocks()) == {*printing(main), CHECK}
    assert list(blocks()) == sorted(blocks())


def test_every_field_of_the_page_is_in_the_code() -> None:
    code = "\n".join(file.read_text() for file in CLIENT.rglob("*.py"))
    named = set(re.findall(r'"([a-z0-9_]+)"', code))
    for name in blocks():
        for row in rows_of(name):
            parts = re.findall(r"[a-z0-9_]+", row.path)
            assert set(parts) <= named, f"{name}: {row.path}"


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("withdraw", {"id": "a", "withdrawal": None, "x": 1}, "x: is not on the page"),
        ("withdraw", {"id": "a"}, "withdrawal: was not printed"),
        ("withdraw", {"id": 1, "withdrawal": None}, "id: 1 is not {'text'}"),
        ("withdraw", {"id": None, "withdrawal": None}, "id: None is not {'text'}"),
        ("root checklist", {"ceremony": "a", "steps": [1]}, "steps[]: 1 is not"),
        ("terminal check", [], ""),
        ("import", {"directory": "today"}, "directory: 'today' is not"),
        ("import", {"known": 1}, "known: 1 is not {'yes or no'}"),
        ("operator show", {"sentences": [["a"]]}, "sentences[]: is no pair"),
        ("audit status", {"key": {"size": "1"}}, "*.size: '1' is not {'number'}"),
        ("attach save", ["a", None], "[]: None is not {'text'}"),
    ],
)
def test_what_is_not_on_the_page_is_found(name: str, value: object, fault: str) -> None:
    found = faults(name, value)
    assert any(one.startswith(fault) for one in found) if fault else found == []


def test_a_typed_line_is_known_by_its_command() -> None:
    assert named_in(["--home", "x", "inbox", "--json"]) == "inbox"
    assert named_in(["terminal", "member", "list", "--json"]) == "terminal member list"
    assert named_in(["audit", "evidence", "--check", "f", "--json"]) == CHECK
    assert named_in(["inbox"]) is None
    assert named_in(["--json", "nothing"]) is None


@pytest.fixture
def bern(
    hague: Ministry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HomeDesk]:
    make_light(monkeypatch)
    desk = HomeDesk(hague, FakeRelay(hague), tmp_path / "bern")
    tfc = beside(desk, hague)
    desk.connect()
    tfc.write("bern")
    desk.write("tfc")
    exchange(tfc, desk)

    def ask(_: object, method: str, **arguments: Any) -> Any:  # noqa: ANN401 -- JSON
        return desk.ask(method, **arguments)

    monkeypatch.setattr(asking, "ask", ask)
    yield desk
    desk.lock()


def test_the_commands_of_a_day_print_what_the_page_says(bern: HomeDesk) -> None:
    (came,), (went,) = bern.ask("inbox"), bern.ask("outbox")
    text = bern.home.path / "text"
    text.write_text("Tekst.")
    label = ("--level", "Dep.V", "--until", "2031-01-31", "--text", text)
    for line in (
        ("send", "--to", "tfc", "--subject", "x", *label),
        ("inbox",),
        ("read", came["id"]),
        ("ack", came["id"]),
        ("outbox",),
        ("receipts", went["id"]),
        ("withdraw", went["id"], "--reason", "x"),
        ("alarms", "--all"),
        ("attach", "list", came["id"]),
        ("terminal", "status"),
        ("terminal", "check"),
        ("terminal", "member", "list"),
        ("terminal", "backup", "--out", bern.home.path / "backup"),
        ("terminal", "renew-streams"),
        ("directory", "list"),
        ("directory", "show", "tfc"),
        ("directory", "history"),
        ("exposure", "tfc"),
        ("operator", "list"),
        ("operator", "expiring", "--days", "9999"),
        ("root", "show", bern.home.root_file),
        ("root", "checklist", "founding"),
    ):
        words = [*map(str, line), "--json"]
        name = named_in(words)
        assert name is not None
        assert json.loads(told(koerier(bern.home, *words))) is not None  # and compared
