"""The site that Sphinx makes of docs/: no warning, and an entry for every public name."""

from __future__ import annotations

import argparse
import html
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sphinx.util.inventory import InventoryFile

import brickprof as bp
from brickprof.cli import make_parser

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

pytestmark = pytest.mark.slow


def build(docs: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the site as `make docs` does."""
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "--keep-going", "-q", docs, site]
    return subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site once."""
    site = tmp_path_factory.mktemp("site")
    done = build(DOCS, site)
    assert done.returncode == 0, done.stderr
    return site


@pytest.fixture(scope="module")
def entries(site: Path) -> dict[str, dict[str, str]]:
    """Return the entries of the reference with their pages, by kind."""
    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    return {
        kind: {name: item.uri for name, item in found.items()}
        for kind, found in inventory.data.items()
    }


def members_of(cls: type) -> list[str]:
    """Return the public methods and properties of a class of ours that have a docstring."""
    return [
        name
        for name in dir(cls)
        if not name.startswith("_")
        and inspect.getdoc(inspect.getattr_static(cls, name))
        and (callable(getattr(cls, name)) or inspect.isdatadescriptor(getattr(cls, name)))
        and not hasattr(BaseException if issubclass(cls, BaseException) else int, name)
    ]


def test_every_public_name_has_an_entry(entries: dict[str, dict[str, str]]) -> None:
    documented = {name for kind, names in entries.items() if kind[:3] == "py:" for name in names}
    expected = {f"brickprof.{name}" for name in bp.__all__}
    classes = [one for name in bp.__all__ if isinstance(one := getattr(bp, name), type)]
    expected |= {f"brickprof.{cls.__name__}.{name}" for cls in classes for name in members_of(cls)}
    assert "brickprof.BrickProfiler.start_tile" in expected
    assert "brickprof.TileStats.gflops" in expected
    assert expected - documented == set()


def text_of(site: Path, page: str) -> str:
    """Return what a page says, without its tags."""
    text = re.sub(r"<[^>]*>", "", (site / page).read_text(encoding="utf-8"))
    return re.sub(r"\s+", " ", html.unescape(text))


def test_compiled_names_show_their_signature_and_text(site: Path) -> None:
    profiler, kernels = (
        text_of(site, f"reference/{name}.html") for name in ("profiler", "kernels")
    )
    assert "BrickProfiler(*, sample_every=1, events=0, grid=0, clock='auto'" in profiler
    assert "stop_tile(timer, elements, flops, nbytes=None, *, loaded_bytes=None" in profiler
    assert "Stop the innermost open tile and declare its work." in profiler
    assert "gemm(a, b, out=None, threads=None, profiler=None, plan=None, isa=None)" in kernels
    assert "Matrix product a @ b in cache-blocked tiles." in kernels


def options_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Return the options of all verbs, each with its verb, as their entries are named."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from options_of(verb)
        elif not isinstance(action, argparse._HelpAction):
            for option in action.option_strings:
                yield f"{parser.prog.replace(' ', '-')}.{option}"


def test_every_option_has_an_entry(entries: dict[str, dict[str, str]]) -> None:
    expected = set(options_of(make_parser()))
    assert {"brickprof-compare.--fail-above", "brickprof-sweep-gemm.--plot"} < expected
    assert expected - set(entries["std:cmdoption"]) == set()


def test_pages_outside_are_shown_with_links_to_pages(site: Path) -> None:
    start = (site / "index.html").read_text(encoding="utf-8")
    assert 'href="guide/timing-your-kernel.html#while-it-runs"' in start
    assert 'href="project/benchmarks.html"' in start
    assert 'class="only-dark' in start
    assert "The walk of one tile" in text_of(site, "project/architecture.html")


def test_links_that_lead_nowhere_are_errors(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("conf.py", "extensions"):
        (docs / name).symlink_to(DOCS / name)
    links = "[a](nowhere.md) [b](page.rst) [c](#nowhere) [d](#start)"
    (docs / "index.md").write_text(f"# Start\n\n{links}\n\n```{{toctree}}\npage\n```\n")
    (docs / "page.rst").write_text("Page\n====\n\n`known`, :class:`brickprof.Nothing`\n")
    done = build(docs, tmp_path / "site")
    assert done.returncode == 1
    found = re.findall(r"(?:WARNING|ERROR): .*?target not found: '?([\w.#]*)", done.stderr)
    assert sorted(found) == ["brickprof.Nothing", "nowhere", "nowhere.md"], done.stderr
