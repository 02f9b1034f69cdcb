"""The .pxd files of the profiler fit the modules that they describe and those that use them."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
from Cython.Build import cythonize

ROOT = Path(__file__).parents[2]
MODULES = sorted(path.stem for path in (ROOT / "brickprof/profiler").glob("*.pyx"))


def test_each_interface_has_a_module() -> None:
    interfaces = sorted(path.stem for path in (ROOT / "brickprof/profiler").glob("*.pxd"))
    assert interfaces == MODULES
    assert not list((ROOT / "brickprof/profiler").glob("*.pxi"))


@pytest.mark.parametrize("name", MODULES)
def test_an_interface_is_translated_with_its_module(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    cythonize(
        [f"brickprof/profiler/{name}.pyx"],
        build_dir=str(tmp_path),
        include_path=["."],
        compiler_directives={"language_level": 3, "binding": False},
        force=True,
        quiet=True,
    )


@pytest.mark.parametrize("name", MODULES)
def test_the_installed_module_exports_the_functions_of_its_interface(name: str) -> None:
    text = (ROOT / f"brickprof/profiler/{name}.pxd").read_text()
    declared = set(re.findall(r"^cdef (?!class|inline|extern|enum)[\w ]+[ *](\w+)\(", text, re.M))
    module = import_module(f"brickprof.profiler.{name}")
    assert declared <= set(getattr(module, "__pyx_capi__", {}))
    assert module.__name__ in sys.modules
