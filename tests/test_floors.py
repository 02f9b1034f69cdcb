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
        "_roofstore", "_sysfiles", "_table", "_topology",
    },
    {"tiling", "attention_tiling", "budget"},
    {"tile", "_pairs", "_recorder", "_profiler", "_arrays", "_kernels", "plans"},
    {"summary", "diagnose", "threads"},
    {"calibration", "_probing"},
    {"reports"},
    {"cli", "__main__"},
)  # fmt: skip
FLOOR_OF = {module: floor for floor, modules in enumerate(FLOORS) for module in modules}
COMPILED = {"tile", "_recorder", "_profiler", "_arrays", "_kernels", "plans", "_pairs"}
RENDERING = {"summary", "diagnose", "threads", "reports"}
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
    text = path.read_text()
    found: set[str] = set()
    if path.suffix in {".py", ".pyi"}:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            found |= {name.split(".")[1] for name in names if name.startswith("brickprof.")}
    else:
        for line in re.findall(r"^\s*from\s+(brickprof[\w.]*)\s+c?import\s+\(?(\w+)", text, re.M):
            found.add(line[0].split(".")[1] if "." in line[0] else line[1])
    return {name for name in found if (PACKAGE / name).is_dir() or name in FLOOR_OF}


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
