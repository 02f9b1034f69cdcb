"""The gallery is what its recordings are drawn as today."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "gallery"


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """Import the script that draws the gallery."""
    spec = importlib.util.spec_from_file_location("gallery_build", FOLDER / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_gallery_is_up_to_date(build: ModuleType) -> None:
    drawn = dict(build.drawn())
    kept = {path.name for path in FOLDER.iterdir() if path.suffix in (".svg", ".md")}
    assert kept == set(drawn)
    for name, text in drawn.items():
        assert text == (FOLDER / name).read_text(encoding="utf-8"), f"{name}: make gallery"
    names = {name.rpartition("-")[0] for name in drawn if ".svg" in name}
    assert set(build.CAPTIONS) == names
