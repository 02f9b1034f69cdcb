"""The documentation: links lead somewhere, how-to pages stay short, and code runs as written."""

from __future__ import annotations

import os
import re
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
HOW_TO = sorted((ROOT / "docs" / "how-to").glob("*.md"))
WITH_CODE = [
    page
    for page in (
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "docs" / "guide").glob("*.md")),
    )
    if "```python" in page.read_text()
]


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


@pytest.mark.parametrize("page", [*HOW_TO, ROOT / "ARCHITECTURE.md"], ids=name_of)
def test_files_that_pages_name_are_there(page: Path) -> None:
    text = page.read_text()
    named = set(re.findall(r"`((?:brickprof|tests|benchmarks|docs)/[\w./-]+)`", text))
    made_by_following = {name for name in named if re.search(r"NAME|asciidoc|axpy", name)}
    assert [name for name in sorted(named - made_by_following) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_python_runs_as_written(page: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"^( *)```python\n(.*?)^\1```$", page.read_text(), re.M | re.S)
    code = "\n".join(textwrap.dedent(block) for _, block in blocks)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BRICKPROF_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_finding_is_explained() -> None:
    table = (ROOT / "docs" / "reading-reports.md").read_text()
    assert [code for code in EXPLANATIONS if f"| `{code}` |" not in table] == []
