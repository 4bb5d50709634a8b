"""Every command teaches itself in both languages; what is typed wrongly is said."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from client.cli.guide import Guide
from client.cli.main import main
from client.cli.spoken import SpokenCommand, SpokenGroup, path_of, spelling
from client.words import LANGUAGES

CLIENT = Path(__file__).parents[2] / "client"
PASSED_ON = {"relay", "witness"}  # commands of another program, with its own help
SHARED = {"word", "metavar", "common", "short"}


def walk(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        ctx = click.Context(command, info_name="koerier")
        for name in command.list_commands(ctx):
            found = command.get_command(ctx, name)
            assert found is not None
            yield from walk(found, (*path, name))


EVERY = list(walk(main))
NAMES = [" ".join(path) or "koerier" for path, _ in EVERY]


def koerier(*words: str, lang: str | None = "en", **options: str) -> Result:
    line = [] if lang is None else ["--lang", lang]
    return CliRunner(env={"LANG": options.get("env")}).invoke(main, [*line, *words])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("path", "command"), EVERY, ids=NAMES)
def test_every_command_and_option_is_explained(
    language: str, path: tuple[str, ...], command: click.Command
) -> None:
    assert isinstance(command, (SpokenCommand, SpokenGroup)), path
    guide = Guide(language)
    assert not path or guide.short(path)
    assert guide.text(path)
    assert guide.example(path) or path[:1] in {(name,) for name in PASSED_ON}
    for param in command.get_params(click.Context(command)):
        assert guide.option(path, spelling(param)), (path, param.name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_explained_that_is_not_there(language: str) -> None:
    commands = {" ".join(path) or "koerier": command for path, command in EVERY}
    for file in (CLIENT / "locale/help" / language).glob("*.toml"):
        pages = tomllib.loads(file.read_text())
        if file.stem == "koerier":
            assert pages["short"].keys() == set(main.list_commands(click.Context(main)))
        for name, page in pages.items():
            if file.stem == "koerier" and name in SHARED:
                continue
            params = commands[name].get_params(click.Context(commands[name]))
            spelled = {spelling(param) for param in params}
            assert set(page.get("options", {})) - spelled == set(), name


def test_both_languages_have_the_same_pages_and_other_words() -> None:
    nl, en = (
        {
            f"{file.stem}:{name}:{key}": str(value)
            for file in (CLIENT / "locale/help" / language).glob("*.toml")
            for name, page in tomllib.loads(file.read_text()).items()
            for key, value in page.items()
            if name != "metavar" and key not in {"example", "options"}
        }
        for language in LANGUAGES
    )
    assert nl.keys() == en.keys()
    same = {key for key in nl if nl[key] == en[key]}
    assert same <= {"koerier:word:options"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("path", "command"), EVERY, ids=NAMES)
def test_a_page_is_wholly_in_one_language(
    language: str, path: tuple[str, ...], command: click.Command
) -> None:
    if path and path[0] in PASSED_ON:
        return
    shown = koerier(*path, "--help", lang=language)
    assert shown.exit_code == 0, shown.output
    word = Guide(language).word
    assert shown.output.startswith(word("usage") + " main " + " ".join(path[:1]))
    other = Guide("en" if language == "nl" else "nl").word
    for name in ("usage", "options-here", "command-here", "required", "repeatable"):
        assert other(name) not in shown.output
    if isinstance(command, click.Group):
        assert word("commands") in shown.output
    if language == "nl":
        for typed in ("FILE", "FOLDER", "DATE", "FILENAME", "DIRECTORY", "INTEGER"):
            assert not re.search(rf"(?<!-){typed}\b", shown.output), typed


@pytest.mark.parametrize(
    ("env", "words", "heading"),
    [
        ("nl_NL.UTF-8", ["--help"], "Gebruik:"),
        ("en_GB.UTF-8", ["--help"], "Usage:"),
        ("en_GB.UTF-8", ["--lang=nl", "--help"], "Gebruik:"),
        ("nl_NL.UTF-8", ["--home", "x", "--lang", "en", "inbox", "--help"], "Usage:"),
        ("nl_NL.UTF-8", ["--lang", "fr", "--help"], "Gebruik:"),
    ],
)
def test_the_language_is_known_before_a_page_is_written(
    env: str, words: list[str], heading: str
) -> None:
    shown = koerier(*words, lang=None, env=env)
    assert heading in shown.output or "--lang is een van: nl, en." in shown.output


# --- what was typed wrongly


@pytest.mark.parametrize(
    ("words", "nl", "en"),
    [
        (["niets"], "Er is geen commando niets.", "There is no command niets."),
        (["inbox", "--x"], "Er is geen optie --x.", "There is no option --x."),
        (["inbox", "a"], "Er staat iets te veel.", "There is something too much."),
        (["inbox", "--json=1"], "--json is niet goed gegeven", "not given rightly"),
        (["read"], "ID ontbreekt.", "ID is missing."),
        (["send"], "--to ontbreekt.", "--to is missing."),
        (
            ["send", "--level", "geheim"],
            "--level is een van: Ongerubriceerd, Dep.V, Stg.C, Stg.G, Stg.ZG.",
            "--level is one of: Ongerubriceerd",
        ),
        (
            ["send", "--until", "31-02-2027"],
            "--until is een dag, als 30-06-2027.",
            "--until is a day, as 30-06-2027.",
        ),
        (
            ["send", "--text", "/nergens/x"],
            "--text noemt een bestand dat niet te openen is.",
            "--text names a file that cannot be opened.",
        ),
        (
            ["terminal", "unlock", "--passphrase-fd", "drie"],
            "--passphrase-fd is een heel getal.",
            "--passphrase-fd is a whole number.",
        ),
    ],
)
def test_what_was_typed_wrongly_is_said_with_a_hint(
    words: list[str], nl: str, en: str
) -> None:
    for language, said in (("nl", nl), ("en", en)):
        done = koerier(*words, lang=language)
        assert done.exit_code == 2
        assert done.stdout == ""
        assert said in done.stderr
        assert "--help" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_what_was_typed_is_cut_short_and_not_obeyed() -> None:
    done = koerier("x\x1b[2J\u202e" + "y" * 5_000)
    assert done.exit_code == 2
    assert len(done.stderr) < 200
    assert "x<U+001B>[2J<U+202E>y" in done.stderr


def test_a_program_without_a_command_shows_its_page() -> None:
    assert "Give a command. See: koerier --help" in koerier().stderr
    done = koerier(lang=None, env="en_GB.UTF-8")
    assert done.exit_code == 2
    assert "Commands:" in done.stderr


def test_a_command_that_is_interrupted_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("client.cli.shell.Shell.ask", interrupted)
    done = koerier("inbox", lang="nl")
    assert (done.exit_code, done.stderr) == (1, "koerier: Gestopt.\n")


def test_a_command_whose_page_is_not_written_shows_its_own_words() -> None:
    @click.command()
    @click.option("--new", help="Not in the guide.")
    def fresh() -> None:
        """Something fresh."""

    assert Guide("nl").short(("fresh",)) == ""
    ctx = click.Context(main, info_name="koerier", obj={"lang": "en"})
    inner = click.Context(fresh, parent=ctx, info_name="fresh")
    assert path_of(inner) == ("fresh",)
    formatter = inner.make_formatter()
    SpokenCommand.format_help(
        SpokenCommand("fresh", params=fresh.params, help=fresh.help), inner, formatter
    )
    page = formatter.getvalue()
    assert "Something fresh." in page
    assert "Not in the guide." in page


def test_every_command_is_run_as_a_process_by_some_test() -> None:
    """As words of an argument list, or as typed in a drill of operations.md."""
    root = CLIENT.parent
    lists = [*(root / "tests/e2e").glob("*.py"), *(root / "client/demo").glob("*.py")]
    lists += [root / "tests/support" / name for name in ("live.py", "watching.py")]
    code = " ".join(file.read_text() for file in lists)
    drills = (root / "docs/operations.md").read_text()
    for path, command in EVERY:
        if isinstance(command, click.Group) or path[0] in PASSED_ON:
            continue  # test_relay_processes.py has those
        words = r'",\s*"'.join(path)
        typed = rf"koerier (--\S+ \S+ )*{' '.join(path)}"
        assert re.search(f'"{words}"', code) or re.search(typed, drills + code), path


# --- words stand in the catalogues, and help is read when it is asked for


def test_no_words_stand_in_the_commands_themselves() -> None:
    hard = []
    for file in (CLIENT / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            named = ast.unparse(node.func)
            hard += [
                f"{file.name}:{node.lineno} {keyword.arg}"
                for keyword in node.keywords
                if keyword.arg in {"help", "short_help", "epilog", "prompt"}
            ]
            if named in {"click.echo", "print", "click.secho", "click.UsageError"}:
                said = " ".join(
                    part.value
                    for argument in node.args
                    for part in ast.walk(argument)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                )
                if re.search(r"[A-Za-z]{2,} [A-Za-z]", said.replace("koerier:", "")):
                    hard.append(f"{file.name}:{node.lineno} {said}")
    assert hard == []


LOADED = """
import sys
{start}
sys.stderr.write("\\n".join(sys.modules))
"""
BARE = """
import click
@click.group()
def main(): pass
try: main(["--help"])
except SystemExit: pass
"""
OURS = """
from client.cli.main import main
try: main(["--help"])
except SystemExit: pass
"""


def loaded(start: str) -> set[str]:
    done = subprocess.run(  # noqa: S603 -- this interpreter
        [sys.executable, "-c", LOADED.format(start=start)],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.splitlines())


def test_help_starts_with_little_more_than_its_library() -> None:
    more = loaded(OURS) - loaded(BARE)
    ours = {name for name in more if name.split(".")[0] == "client"}
    assert ours == {
        "client",
        *(f"client.{name}" for name in ("cli", "exits", "words")),
        *(f"client.cli.{name}" for name in ("guide", "main", "spoken")),
    }
    assert len(more - ours) <= 15, sorted(more - ours)
    for heavy in ("protocol", "crypto", "msgspec", "pathlib", "asyncio", "json"):
        assert heavy not in more


@pytest.mark.parametrize("name", sorted(PASSED_ON))
def test_the_other_programs_help_comes_through(name: str) -> None:
    done = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-m", "client.cli.main", name, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"koerier-{name}" in done.stdout
    assert "serve" in done.stdout
