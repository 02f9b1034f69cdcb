"""The documentation: links lead somewhere, how-to pages stay short, and code runs as written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from brickprof.diagnose.explanations import EXPLANATIONS

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for folder in ("", "docs", "benchmarks", "examples")
    for path in (ROOT / folder).glob("**/*.md" if folder else "*.md")
    if not {".venv", "build", "node_modules"} & set(path.relative_to(ROOT).parts)
)
GUIDE = ROOT / "docs" / "guide"
HOW_TO = sorted((ROOT / "docs" / "how-to").glob("*.md"))
WITH_CODE = [
    page
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *sorted(GUIDE.glob("*.md")))
    if "```python" in page.read_text()
]

PROJECTS = {"story-cython.md": "your_kernel_cython", "story-cpp.md": "your_kernel_cpp"}
"""Pages whose commands build a project of examples/, before their Python runs beside it."""


def name_of(path: Path) -> str:
    """Return a page's name for a test."""
    return path.relative_to(ROOT).as_posix()


def prose_of(text: str) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S)


def anchors_of(page: Path) -> set[str]:
    """Return what headings of a page may be linked to by, as GitHub spells it."""
    headings = re.findall(r"^#+ (.*)$", prose_of(page.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path, text: str) -> list[str]:
    """Return the relative links of a page that lead nowhere."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose_of(text)):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        if re.match(r"\w+:", link):
            continue
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page, page.read_text()) == []


def test_a_link_that_leads_nowhere_is_seen() -> None:
    page = ROOT / "README.md"
    text = (
        "[a](nowhere.md) [b](docs/README.md#nothing) [c](https://x.org) [d](docs/README.md#guide)"
    )
    assert broken_links(page, text) == ["nowhere.md", "docs/README.md#nothing"]


@pytest.mark.parametrize("page", HOW_TO, ids=name_of)
def test_how_to_pages_are_short(page: Path) -> None:
    assert len(page.read_text().splitlines()) <= 40
    assert f"](how-to/{page.name})" in (ROOT / "docs" / "README.md").read_text()


def test_every_page_is_in_the_list_of_pages() -> None:
    listed = (ROOT / "docs" / "README.md").read_text()
    pages = [page for folder in ("guide", "design") for page in (ROOT / "docs" / folder).glob("*")]
    assert [page.name for page in pages if f"]({page.parent.name}/{page.name})" not in listed] == []


@pytest.mark.parametrize("page", [*HOW_TO, ROOT / "ARCHITECTURE.md"], ids=name_of)
def test_files_that_pages_name_are_there(page: Path) -> None:
    text = page.read_text()
    named = set(re.findall(r"`((?:brickprof|tests|benchmarks|docs)/[\w./-]+)`", text))
    made_by_following = {name for name in named if re.search(r"NAME|asciidoc|axpy", name)}
    assert [name for name in sorted(named - made_by_following) if not (ROOT / name).exists()] == []


def code_of(page: Path, language: str) -> list[str]:
    """Return a page's blocks of code in a language."""
    blocks = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", page.read_text(), re.M | re.S)
    return [textwrap.dedent(block) for _, block in blocks]


def build_project(page: Path, folder: Path, environment: dict[str, str]) -> None:
    """Run a page's commands beside a copy of its project; pip fetches nothing."""
    ignored = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", "*.so", "*.c")
    name = PROJECTS[page.name]
    shutil.copytree(ROOT / "examples" / name, folder / name, ignore=ignored)
    options = {"TARGET": str(folder / "site"), "NO_INDEX": "1", "NO_DEPS": "1", "QUIET": "1"}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-e", "-c", "\n".join(code_of(page, "sh"))],
        cwd=folder,
        env={
            **environment,
            **{f"PIP_{option}": value for option, value in options.items()},
            "PIP_NO_BUILD_ISOLATION": "0",  # which pip reads as: do not isolate
            "PATH": path,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_python_runs_as_written(page: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT), str(tmp_path / "site")])
    environment = {**os.environ, "PYTHONPATH": path, "BRICKPROF_CACHE_DIR": str(tmp_path)}
    if page.name in PROJECTS:
        if "cmake" in page.read_text() and shutil.which("cmake") is None:
            pytest.skip("needs cmake")
        build_project(page, tmp_path, environment)
    code = "\n".join(code_of(page, "python"))
    if "import torch" in code:
        pytest.importorskip("torch", reason="`make test-decoder` installs PyTorch")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", PROJECTS)
def test_listings_are_the_code_that_is_built(name: str) -> None:
    folder = ROOT / "examples" / PROJECTS[name]
    (source,) = [*folder.glob("*.pyx"), *folder.glob("*.cpp")]
    listings = code_of(GUIDE / name, {".pyx": "cython", ".cpp": "cpp"}[source.suffix])
    text = textwrap.dedent(source.read_text())
    indented = ["", "    ", "        "]
    assert listings
    for listing in listings:
        assert any(textwrap.indent(listing, depth) in text for depth in indented), listing


def test_every_finding_is_explained() -> None:
    table = (GUIDE / "reading-reports.md").read_text()
    assert [code for code in EXPLANATIONS if f"| `{code}` |" not in table] == []
