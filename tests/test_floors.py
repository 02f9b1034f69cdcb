"""A module imports only from its own floor or lower ones."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import brickprof

PACKAGE = Path(__file__).parents[1] / "brickprof"

FLOORS = (
    {
        "_version", "errors", "levels", "units", "metrics", "stats", "tilestats", "recording",
        "recording_json", "machine", "roofline", "_caches", "_cgroup", "_checks", "_cpuinfo",
        "_node", "_roofs", "_roofstore", "limits", "_sysfiles", "_table", "_topology",
    },
    {"tiling", "gemm_tiling", "gemm_traffic", "attention_tiling", "budget"},
    {"tile", "_pairs", "_recorder", "_profiler", "_arrays", "_kernels", "plans"},
    {"summary", "diagnose", "threads", "scalability", "sweeps"},
    {"calibration", "_probing"},
    {"reports"},
    {"cli", "__main__"},
)  # fmt: skip
FLOOR_OF = {module: floor for floor, modules in enumerate(FLOORS) for module in modules}
COMPILED = {"tile", "_recorder", "_profiler", "_arrays", "_kernels", "plans", "_pairs"}
RENDERING = {"summary", "diagnose", "threads", "scalability", "sweeps", "reports"}
# The profiler answers tile_summary() itself: the one look upwards, and only when it is called.
EXCEPTIONS = {("_profiler", "reports")}

SOURCES = sorted(
    path
    for path in PACKAGE.rglob("*")
    if path.suffix in {".py", ".pyx", ".pxd", ".pxi", ".pyi"} and path != PACKAGE / "__init__.py"
)


def module_of(path: Path) -> str:
    """Return the top-level module or subpackage that a file belongs to."""
    top = path.relative_to(PACKAGE).parts[0].split(".")[0]
    return "_kernels" if path.suffix == ".pxi" else top


def imports_of(path: Path) -> set[str]:
    """Return the modules of the package that a file imports, wherever in it."""
    return imports_in(path.read_text(), path.suffix in {".py", ".pyi"})


def imports_in(text: str, python: bool) -> set[str]:
    """Return the modules of the package that a source text imports.

    A public name counts as the module that is its home. An import that hides where it leads, a
    relative one or the package as a whole, is an error.
    """
    names: list[str] = []
    if python:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                names += [f"{module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
    else:
        pattern = r"^[ \t]*from[ \t]+([\w.]+)[ \t]+c?import[ \t]+(\([^)]*\)|[^\n#]*)"
        for module, listed in re.findall(pattern, text, re.M):
            parts = listed.strip("() \t").split(",")
            names += [f"{module}.{part.split()[0]}" for part in parts if part.split()]
        names += re.findall(r"^[ \t]*c?import[ \t]+([\w.]+)", text, re.M)
    own = [name for name in names if name.split(".")[0] in ("brickprof", "")]
    hidden = [name for name in own if name.count(".") == 0 or name.startswith(".")]
    assert not hidden, f"import by full name what is meant by {hidden}"
    seconds = {name.split(".")[1] for name in own}
    homes = {"__version__": "_version", **brickprof._HOMES}
    return {second if second in FLOOR_OF else homes.get(second, second) for second in seconds}


@pytest.mark.parametrize(
    ("text", "python", "wanted"),
    [
        ("from brickprof import gemm, BrickProfiler", True, {"_kernels", "_profiler"}),
        ("def f():\n    from brickprof import (\n        gemm)", True, {"_kernels"}),
        ("from brickprof import units, TileLevel as T", True, {"units", "levels"}),
        ("import brickprof.cli.demo as x", True, {"cli"}),
        ("from brickprof.cli import demo", True, {"cli"}),
        ("import numpy\nfrom os import path", True, set()),
        ("from brickprof import gemm, units", False, {"_kernels", "units"}),
        ("from brickprof cimport (\n    tile,\n    gemm)", False, {"tile", "_kernels"}),
        ("    from brickprof.tile cimport bp_push", False, {"tile"}),
        ("cimport numpy as cnp\nfrom libc.math cimport exp", False, set()),
    ],
)
def test_imports_are_seen(text: str, python: bool, wanted: set[str]) -> None:
    assert imports_in(text, python) == wanted


@pytest.mark.parametrize("python", [True, False])
@pytest.mark.parametrize(
    "text",
    ["from . import _kernels", "from ._kernels import gemm", "import brickprof"],
)
def test_imports_that_hide_where_they_lead(text: str, python: bool) -> None:
    with pytest.raises(AssertionError, match="by full name"):
        imports_in(text, python)


def test_every_module_has_a_floor() -> None:
    assert {module_of(path) for path in SOURCES} == set(FLOOR_OF)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_do_not_run_up(path: Path) -> None:
    module = module_of(path)
    for other in imports_of(path) - {module}:
        if (module, other) not in EXCEPTIONS:
            assert FLOOR_OF[other] <= FLOOR_OF[module], f"{module} imports {other}"
        if module in RENDERING:
            assert other not in COMPILED, f"{module} imports {other}, which is compiled"


def test_every_public_name_is_at_home() -> None:
    for name in brickprof.__all__:
        assert getattr(brickprof, name) is not None
    assert set(brickprof.__all__) <= set(dir(brickprof))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = brickprof.no_such_name  # type: ignore[attr-defined]
