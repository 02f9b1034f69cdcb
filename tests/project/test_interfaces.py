"""The .pxd files fit the modules that they describe and those that use them."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
from Cython.Build import cythonize

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "brickprof"
SOURCES = sorted(str(path.relative_to(ROOT)) for path in PACKAGE.rglob("*.pyx"))
INTERFACES = sorted(str(path.relative_to(ROOT)) for path in PACKAGE.rglob("*.pxd"))
IMPORTED = re.compile(r"^\s*from ([\w.]+) cimport |^\s*cimport ([\w.]+)", re.M)


def module_of(file: str) -> str:
    """Return the name of the module that a file belongs to."""
    return file.rpartition(".")[0].replace("/", ".")


def test_no_code_is_included_as_text() -> None:
    assert not list(PACKAGE.rglob("*.pxi"))


def test_every_interface_is_used_by_a_module() -> None:
    # An interface that nothing translates could hold anything.
    used = {module_of(file) for file in SOURCES}
    for file in (*SOURCES, *INTERFACES):
        for names in IMPORTED.findall((ROOT / file).read_text()):
            used |= set(names)
    assert {module_of(file) for file in INTERFACES} <= used


@pytest.mark.slow
@pytest.mark.parametrize("file", SOURCES)
def test_a_module_is_translated_with_the_interfaces_that_it_uses(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    cythonize(
        [file],
        build_dir=str(tmp_path),
        include_path=["."],
        compiler_directives={"language_level": 3, "binding": False},
        force=True,
        quiet=True,
    )


@pytest.mark.parametrize(
    "file", [file for file in INTERFACES if file.replace(".pxd", ".pyx") in SOURCES]
)
def test_the_installed_module_exports_the_functions_of_its_interface(file: str) -> None:
    text = (ROOT / file).read_text()
    declared = re.findall(r"^cdef (?!class|inline|extern|enum|struct)[\w ]+[ *](\w+)\(", text, re.M)
    module = import_module(module_of(file))
    assert set(declared) <= set(getattr(module, "__pyx_capi__", {}))
