"""What nothing but a test uses is no part of the product, and its test proves nothing.

An attack on a function that the relay or a terminal never calls looks like a proof, and
so does a mutation of it.  So every name at the top of a module is used by the product,
from its own module or another one; the few that only tests use stand below with their
reason.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.tree import PACKAGES, parsed, sources, used

# What stands ready, and for whom.
READY = {
    "client.audit.watching.WHAT": "every alarm has its sentence in both languages",
    "client.core.recipients.to_archive": "the archive quorum: spec, section 9",
    "protocol.incident.schema.schema_text": "docs/schema/ is this text",
    "protocol.incident.writing.to_json": "the file that a case is exported as",
    "protocol.label.FULL": "the banner of a screen that has room",
    "protocol.line.effects.FAST": "what benches compare a line with",
    "protocol.line.effects.POOR": "a post whose line is known to be poor",
    "protocol.mailbox.step": "the model of the relay's tables, run beside them",
    "protocol.regrade.current": "regrades, with the formal messages",
    "protocol.regrade.step": "regrades, with the formal messages",
    "protocol.tiles.read_bundle": "readers of entry bundles, as other tools are",
    "protocol.tiles.tile_data": "what tiles must hold: other tools compare it",
    "protocol.tiles.tiles_of": "which tiles a log has: other tools compare it",
    "protocol.tiles.write_bundle": "writers of entry bundles, as other tools are",
    "protocol.vkey.parse_vkey": "keys as other tools write them",
    "server.metrics.names": "docs/operations.md names every metric",
}
# Transition tables that the specification prints and a test walks.
TABLES = "EDGES"
# What a library calls by its name: commands by the program, a migration by Alembic.
CALLED = {
    "COMMANDS",
    "branch_labels",
    "depends_on",
    "down_revision",
    "revision",
    "upgrade",
}


def module_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


@cache
def needed() -> frozenset[str]:
    """Return every name that some file of the product uses, with its module."""
    found: set[str] = set()
    for path in sources(*PACKAGES):
        module = module_of(path)
        found |= {f"{module}.{name}" for name in loaded(parsed(path))}
        for name in used(path):
            parts = name.split(".")
            found |= {".".join(parts[:end]) for end in range(2, len(parts) + 1)}
    return frozenset(found)


def loaded(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module itself reads, those in quoted annotations too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def defined(tree: ast.Module) -> Iterator[str]:
    """Yield what a module defines at its top, but what a decorator hands on."""
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if not node.decorator_list:
                    yield name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield name
            case _:
                pass


@pytest.mark.parametrize("package", PACKAGES)
def test_the_product_uses_every_name_that_it_defines(package: str) -> None:
    orphans = {
        f"{module_of(path)}.{name}"
        for path in sources(package)
        for name in defined(parsed(path))
        if name not in {*CALLED, TABLES}
    } - needed()
    assert orphans == {name for name in READY if name.startswith(f"{package}.")}
