"""Imports go one way: from a module's own folder or from those above it, and in no circle.

The order of the folders is the table in ARCHITECTURE.md; a module's floor follows from its path.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from support.imports import circles, graph_of, module_of, sources

import brickprof

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "brickprof"
FLOORS = tuple(re.findall(r"^\| `(\w+)/` \|", (ROOT / "ARCHITECTURE.md").read_text(), re.M))


def floor_of(module: str, floors: tuple[str, ...]) -> int:
    """Return the number of the folder that a module is in; the package's own files see all."""
    folder = module.partition("/")[0]
    return floors.index(folder) if "/" in module or folder in floors else len(floors)


def faults(package: Path, floors: tuple[str, ...]) -> list[str]:
    """Return the imports that run up, the entrances that are used inside, and the circles."""
    graph = graph_of(package)
    wrong = []
    for module, imported in sorted(graph.items()):
        for other in sorted(imported):
            # A file of the package itself that imports nothing of it, like tile.pxd, is for all.
            free = floor_of(other, floors) == len(floors) and not graph[other]
            if floor_of(other, floors) > floor_of(module, floors) and not free:
                wrong.append(f"{module} imports {other}")
    return wrong + [f"circle: {' -> '.join(circle)}" for circle in circles(graph)]


def test_imports_go_one_way() -> None:
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
        ("core/a.py", "from pkg.entrance import x", "core/a imports entrance"),
        (
            "roofline/b.py",
            "import pkg.roofline.c",
            "circle: roofline/b -> roofline/c -> roofline/b",
        ),
        ("roofline/b.py", "from pkg.core.a import x", None),
        ("core/a.pyx", "from pkg.free cimport x\ncimport numpy", None),
    ],
)
def test_a_reversed_import_is_seen(tmp_path: Path, name: str, text: str, fault: str | None) -> None:
    package = tmp_path / "pkg"
    files = {
        "__init__.py": "",
        "entrance.py": "from pkg.roofline.b import x",
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
