"""The decoder uses brickprof's public names alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import brickprof as bp
import pytest

PROJECT = Path(__file__).parents[1]
MODULES = {"brickprof", "brickprof.diagnose", "brickprof.reports", "brickprof.tile"}


def names_used(source: str) -> Iterator[str]:
    """Yield the full names of what a source takes from brickprof."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("brickprof"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("brickprof"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "bp":
            yield f"brickprof.{node.attr}"


def is_public(name: str) -> bool:
    """Whether a full name is a public module, or a name in one."""
    module, _, last = name.rpartition(".")
    if name in MODULES:
        return True
    return last in dir(bp) if module == "brickprof" else module in MODULES


@pytest.mark.parametrize("path", sorted(PROJECT.rglob("*.py")), ids=lambda path: path.stem)
def test_only_public_names(path: Path) -> None:
    assert [name for name in names_used(path.read_text()) if not is_public(name)] == []


@pytest.mark.parametrize(
    "source",
    [
        "from brickprof.core import units",
        "import brickprof.core.units",
        "bp.machine",
        "bp._kernels",
    ],
)
def test_private_names_are_seen(source: str) -> None:
    assert not all(map(is_public, names_used(source)))
