"""The benchmarks' modules import one way, as the map in their docstring says, and in no circle."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.imports import circles, graph_of

import benchmarks

PACKAGE = Path(benchmarks.__file__).parent
ORDER = re.findall(r"^    ([a-z_/]+)  ", str(benchmarks.__doc__), re.M)


def faults(package: Path, order: list[str]) -> list[str]:
    """Return the imports of modules that are further down in the order, and the circles."""
    graph = graph_of(package)
    below = [
        f"{module} imports {other}"
        for module in order
        for other in sorted(graph[module])
        if other in order and order.index(other) > order.index(module)
    ]
    return below + [f"circle: {' -> '.join(circle)}" for circle in circles(graph)]


def test_the_map_has_every_module_once() -> None:
    assert sorted(ORDER) == sorted(set(graph_of(PACKAGE)) - {"__init__", "kernels"})


def test_imports_go_one_way_and_in_no_circle() -> None:
    assert faults(PACKAGE, ORDER) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from pkg import b", ["a imports b", "circle: a -> b -> a"]),
        ("def f():\n    from pkg.b import x", ["a imports b", "circle: a -> b -> a"]),
        ("import math", []),
    ],
)
def test_a_circle_is_seen(tmp_path: Path, text: str, found: list[str]) -> None:
    package = tmp_path / "pkg"
    package.mkdir()
    for name, content in {"__init__": "", "a": text, "b": "from pkg.a import f"}.items():
        (package / f"{name}.py").write_text(content)
    assert faults(package, ["a", "b"]) == found


def test_the_worker_of_a_build_imports_nothing_of_the_benchmarks() -> None:
    assert graph_of(PACKAGE)["build_worker"] == set()
