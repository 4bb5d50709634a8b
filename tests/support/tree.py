"""The project's own files, as the architecture tests look at them."""

import ast
import shutil
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("crypto", "protocol", "server", "client")


@cache
def tracked() -> tuple[Path, ...]:
    """Return every file of the project, relative to its root.

    Of a copy that is no repository, every file that no folder of tools holds.
    """
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        listed = subprocess.run(  # noqa: S603 - a fixed command
            [git, "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True
        )
        names = listed.stdout.decode().split("\0")
        return tuple(Path(name) for name in names if name and (ROOT / name).is_file())
    paths = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    left_out = {"__pycache__", "node_modules"}
    return tuple(
        path
        for path in sorted(paths)
        if not left_out.intersection(path.parts) and not path.parts[0].startswith(".")
    )


def sources(*folders: str) -> list[Path]:
    """Return the Python files under the folders, relative to the root.

    From the disk, not from git: a file that is not committed yet counts too.
    """
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path.relative_to(ROOT) for path in found)


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file given relative to the root."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> set[str]:
    """Return what a file imports: each module, and each `module.name`."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` for a chain of attributes of a name, and nothing for others."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name) if left := dotted(value):
            return f"{left}.{name}"
        case _:
            return ""


def used(path: Path) -> set[str]:
    """Return every dotted name that a file uses, with its import's full name."""
    full: dict[str, str] = {}
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            full |= {a.asname: a.name for a in node.names if a.asname}
        elif isinstance(node, ast.ImportFrom):
            full |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
            found |= {f"{node.module}.{a.name}" for a in node.names}
    for node in ast.walk(parsed(path)):
        if isinstance(node, (ast.Attribute, ast.Name)) and (name := dotted(node)):
            first, dot, rest = name.partition(".")
            found.add(full.get(first, first) + dot + rest)
    return found
