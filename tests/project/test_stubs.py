"""The stubs state what the compiled modules hold: names, kinds, arguments and their defaults."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWLIST = Path(__file__).with_name("stubtest_allowlist.txt")


def modules(suffix: str) -> set[str]:
    """Return the modules of the package that have a file of a kind."""
    files = (ROOT / "brickprof").rglob(f"*{suffix}")
    return {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files}


def imported_by_python() -> set[str]:
    """Return what the package, its examples, benchmarks and tests import, by full name."""
    found = set()
    for folder in ("brickprof", "examples", "benchmarks", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module:
                    found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
                elif isinstance(node, ast.Import):
                    found |= {one.name for one in node.names}
    return found


def test_every_compiled_module_that_python_imports_has_a_stub() -> None:
    compiled, stubs = modules(".pyx"), modules(".pyi")
    assert stubs <= compiled
    assert compiled & imported_by_python() - stubs == set()


@pytest.mark.parametrize("name", sorted(modules(".pyi") - {"brickprof._kernels"}))
def test_functions_tell_their_signature(name: str) -> None:
    # Without one stubtest has nothing to compare.
    module = import_module(name)
    stub = ast.parse((ROOT / name.replace(".", "/")).with_suffix(".pyi").read_text())
    for node in stub.body:
        if isinstance(node, ast.FunctionDef):
            arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            signature = inspect.signature(getattr(module, node.name))
            assert list(signature.parameters) == [argument.arg for argument in arguments]


@pytest.mark.parametrize(
    ("module", "name"),
    [("profiler.brick_profiler", "BrickProfiler"), ("kernels.region.region", "ParallelRegion")],
)
def test_classes_that_users_make_tell_their_signature(module: str, name: str) -> None:
    # It is written into the docstring by hand: Cython has none for classes.
    stub = ast.parse((ROOT / f"brickprof/{module.replace('.', '/')}.pyi").read_text())
    (made,) = (
        node
        for one in stub.body
        if isinstance(one, ast.ClassDef) and one.name == name
        for node in one.body
        if isinstance(node, ast.FunctionDef) and node.name in ("__new__", "__init__")
    )
    arguments = made.args.args[1:] + made.args.kwonlyargs
    defaults = made.args.defaults + made.args.kw_defaults
    signature = inspect.signature(getattr(import_module(f"brickprof.{module}"), name))
    assert list(signature.parameters) == [argument.arg for argument in arguments]
    assert [one.default for one in signature.parameters.values()] == [
        ast.literal_eval(default) for default in defaults if default is not None
    ]
    assert inspect.signature(getattr(import_module("brickprof"), name)) == signature


@pytest.mark.slow
def test_stubs_fit_the_compiled_modules() -> None:
    options = ["--mypy-config-file", "pyproject.toml", "--allowlist", str(ALLOWLIST)]
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", *options, *sorted(modules(".pyi"))],
        cwd=ROOT,
        env=os.environ | {"MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
