"""What the modules of a package import, read from their sources: Python, Cython and C."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PYTHON = {".py", ".pyi"}
CYTHON = {".pyx", ".pxd"}
C = {".c", ".h"}

_CIMPORT = re.compile(r"^[ \t]*from[ \t]+([\w.]+)[ \t]+c?import[ \t]+(\([^)]*\)|[^\n#]*)", re.M)
_PLAIN_CIMPORT = re.compile(r"^[ \t]*c?import[ \t]+([\w.]+)", re.M)
_EXTERN = re.compile(r'^[ \t]*cdef extern from "([^"]+)"', re.M)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.M)


def sources(package: Path) -> list[Path]:
    """Return the sources of a package."""
    suffixes = PYTHON | CYTHON | C
    return sorted(path for path in package.rglob("*") if path.suffix in suffixes)


def named_in(text: str, suffix: str) -> Iterator[str]:
    """Yield what a source imports or includes: dotted names, or paths of C files."""
    if suffix in C:
        yield from _INCLUDE.findall(text)
        return
    if suffix in CYTHON:
        yield from _EXTERN.findall(text)
        for module, listed in _CIMPORT.findall(text):
            names = (part.split() for part in listed.strip("() \t\n").split(","))
            yield from (f"{module}.{name[0]}" for name in names if name)
        yield from _PLAIN_CIMPORT.findall(text)
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def module_of(package: Path, path: Path) -> str:
    """Return the module that a file belongs to: its path without any suffix."""
    parts = path.relative_to(package).parts
    name = parts[-1].split(".")[0]
    return "/".join(parts[:-1] if name == "__init__" else (*parts[:-1], name)) or "__init__"


def modules_imported(package: Path, path: Path, known: set[str]) -> set[str]:
    """Return the modules of the package that a file imports or includes."""
    found = set()
    for name in named_in(path.read_text(), path.suffix):
        if name.endswith(".h"):
            beside = (path.parent / name).resolve()
            target = beside if beside.exists() else package / name
            if target.exists():
                found.add(module_of(package, target))
            continue
        assert not name.startswith("."), f"{path}: import {name} by its full name"
        assert name != package.name, f"{path}: import by full name what is meant by {name}"
        if name.startswith(f"{package.name}."):
            place = name.split(".")[1:]
            while place and "/".join(place) not in known:
                place.pop()
            found.add("/".join(place) or "__init__")
    return found - {module_of(package, path)}


def graph_of(package: Path) -> dict[str, set[str]]:
    """Return what each module of a package imports."""
    paths = sources(package)
    known = {module_of(package, path) for path in paths}
    graph: dict[str, set[str]] = {module: set() for module in known}
    for path in paths:
        graph[module_of(package, path)] |= modules_imported(package, path, known)
    return graph


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return a circle for each module at which a walk through the imports comes back to itself."""
    found: list[list[str]] = []
    done: set[str] = set()

    def walk(module: str, trail: list[str]) -> None:
        if module in trail:
            found.append([*trail[trail.index(module) :], module])
        elif module not in done:
            for other in sorted(graph[module]):
                walk(other, [*trail, module])
            done.add(module)

    for module in sorted(graph):
        # An __init__ that gathers names stands above the modules of its folder.
        walk(module, [])
    return found
