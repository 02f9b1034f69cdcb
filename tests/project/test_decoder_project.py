"""The decoder as a project of its own: installed, it passes its tests without this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import brickprof

PROJECT = Path(__file__).parents[2] / "examples/decoder"

pytestmark = pytest.mark.slow


def run(folder: Path, site: Path, *command: str) -> str:
    """Run Python in a folder, with the packages of another and this brickprof in sight."""
    path = os.pathsep.join([str(site), str(Path(brickprof.__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "HYPOTHESIS_PROFILE": "quick"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_installed_package_passes_the_projects_tests(tmp_path: Path) -> None:
    copy, site = tmp_path / "project", tmp_path / "site"
    shutil.copytree(
        PROJECT, copy, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    )
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation")
    run(tmp_path, site, "-m", "pip", "install", *options, "--target", str(site), str(copy))
    # What is tested is what was installed.
    shutil.rmtree(copy / "decoder")
    found = run(tmp_path, site, "-c", "import decoder; print(decoder.__file__)")
    assert Path(found.strip()).is_relative_to(site)
    assert (site / "decoder/py.typed").exists()
    out = run(copy, site, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert " passed" in out.splitlines()[-1]
    assert " failed" not in out
