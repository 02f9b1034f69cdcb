"""Imports go one way: from a module's own folder or from those above it, and in no circle.

The order of the folders is the table in ARCHITECTURE.md; a module's floor follows from its path.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import brickprof

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "brickprof"
FLOORS = tuple(re.findall(r"^\| `(\w+)/` \|", (ROOT / "ARCHITECTURE.md").read_text(), re.M))
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


def floor_of(module: str, floors: tuple[str, ...]) -> int:
    """Return the number of the folder that a module is in; the package's own files see all."""
    folder = module.partition("/")[0]
    return floors.index(folder) if "/" in module or folder in floors else len(floors)


def graph_of(package: Path) -> dict[str, set[str]]:
    """Return what each module of a package imports."""
    paths = sources(package)
    known = {module_of(package, path) for path in paths}
    graph: dict[str, set[str]] = {module: set() for module in known}
    for path in paths:
        graph[module_of(package, path)] |= modules_imported(package, path, known)
    return graph


def faults(package: Path, floors: tuple[str, ...]) -> list[str]:
    """Return the imports that run up, the doors that are used inside, and the circles."""
    graph = graph_of(package)
    wrong = []
    for module, imported in sorted(graph.items()):
        for other in sorted(imported):
            # A file of the package itself that imports nothing of it, like tile.pxd, is for all.
            free = floor_of(other, floors) == len(floors) and not graph[other]
            if floor_of(other, floors) > floor_of(module, floors) and not free:
                wrong.append(f"{module} imports {other}")
    return wrong + [f"circle: {' -> '.join(circle)}" for circle in circles(graph)]


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


def test_the_house_is_in_order() -> None:
    assert faults(PACKAGE, FLOORS) == []


def test_every_folder_has_a_floor_and_says_its_job() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE}
    assert {folder.relative_to(PACKAGE).parts[0] for folder in folders} <= set(FLOORS)
    for folder in folders:
        text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
        assert text and "\n" not in text, f"{folder}: one line that says its job"


def test_reports_reach_no_compiled_module() -> None:
    graph = graph_of(PACKAGE)
    compiled = {module_of(PACKAGE, path) for path in sources(PACKAGE) if path.suffix == ".pyx"}
    # Renderers are imported by name, so every module of the folder is a start.
    reached, waiting = set(), [name for name in graph if name.startswith("reports/")]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += graph[module]
    assert {"reports/text", "diagnose/rules/tiles"} <= reached
    assert not reached & compiled


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("core/a.py", "from pkg.roofline.b import x", "core/a imports roofline/b"),
        ("core/a.py", "def f():\n    from pkg.roofline import b", "core/a imports roofline/b"),
        ("core/a.pyi", "import pkg.roofline.b", "core/a imports roofline/b"),
        (
            "core/a.pyx",
            "from pkg.roofline.b cimport (\n    x,\n    y)",
            "core/a imports roofline/b",
        ),
        ("core/a.pxd", "cimport pkg.roofline.b", "core/a imports roofline/b"),
        ("core/a.pxd", 'cdef extern from "roofline/h.h":\n    pass', "core/a imports roofline/h"),
        ("core/a.c", '#include "roofline/h.h"', "core/a imports roofline/h"),
        ("core/a.h", '#  include "../roofline/h.h"', "core/a imports roofline/h"),
        ("core/a.py", "from pkg.door import x", "core/a imports door"),
        (
            "roofline/b.py",
            "import pkg.roofline.c",
            "circle: roofline/b -> roofline/c -> roofline/b",
        ),
        ("roofline/b.py", "from pkg.core.a import x", None),
        ("core/a.pyx", "from pkg.free cimport x\ncimport numpy", None),
    ],
)
def test_an_arrow_that_is_turned_round_is_seen(
    tmp_path: Path, name: str, text: str, fault: str | None
) -> None:
    package = tmp_path / "pkg"
    files = {
        "__init__.py": "",
        "door.py": "from pkg.roofline.b import x",
        "free.pxd": "cdef int x",
        "core/__init__.py": "",
        "roofline/__init__.py": "",
        "roofline/b.py": "x = 1",
        "roofline/c.py": "from pkg.roofline.b import x",
        "roofline/h.h": "",
        name: text,
    }
    for file, content in files.items():
        (package / file).parent.mkdir(parents=True, exist_ok=True)
        (package / file).write_text(content)
    assert faults(package, ("core", "roofline")) == ([] if fault is None else [fault])


@pytest.mark.parametrize("text", ["from . import x", "from .a import x", "import pkg"])
def test_an_import_that_hides_where_it_leads_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg/a.py").write_text(text)
    with pytest.raises(AssertionError, match="by its full name|by full name"):
        faults(tmp_path / "pkg", ())


def test_every_public_name_is_at_home() -> None:
    for name in brickprof.__all__:
        assert getattr(brickprof, name) is not None
    assert set(brickprof.__all__) <= set(dir(brickprof))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = brickprof.no_such_name  # type: ignore[attr-defined]
