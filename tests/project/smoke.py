"""Tries an installed wheel as a user's first minutes would: no test framework, no checkout.

`python -I tests/project/smoke.py`; cibuildwheel runs it for each wheel.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path

import numpy as np

import brickprof as bp


def check(true: bool, what: object) -> None:
    """Stop where something is not as it must be; `assert` would not under -O."""
    if not true:
        sys.exit(f"smoke: {what}")


def brickprof(*arguments: object) -> str:
    """Run the installed command and return what it prints."""
    command = Path(sys.executable).with_name("brickprof")
    return subprocess.run(
        [command, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def try_kernels() -> bp.Recording:
    """Run both kernels on every instruction set that is there, against NumPy."""
    rng = np.random.default_rng(0)
    a, b = rng.random((70, 90)), rng.random((90, 50))
    q = rng.random((4, 33, 16), dtype=np.float32)
    weights = np.exp(np.einsum("hid,hjd->hij", q, q) / 4)
    expected = np.einsum("hij,hjd->hid", weights / weights.sum(-1, keepdims=True), q)
    with bp.BrickProfiler() as prof:
        for isa in bp.isas():
            product = bp.gemm(a, b, isa=isa, threads=2, profiler=prof)
            check(np.allclose(product, a @ b), f"gemm on {isa}")
            result = bp.attention(q, q, q, isa=isa, profiler=prof)
            check(np.allclose(result, expected, rtol=1e-4), f"attention on {isa}")
    return prof.recording()


def main() -> None:
    """Try the kernels, a recording, the command line and what is in the wheel."""
    recording = try_kernels()
    with tempfile.TemporaryDirectory() as folder:
        saved = recording.save(Path(folder, "run.json"))
        check(bp.load_recording(saved) == recording, "a recording came back changed")
        check("gemm" in brickprof("report", saved), "report")
        page = Path(folder, "run.md")
        brickprof("report", saved, "-o", page)
        check(page.stat().st_size > 100, "report -o")
    check("What to look at next" in brickprof("demo"), "demo")
    check(Path(bp.get_include(), "brickprof/tile.h").exists(), "headers")
    files = [str(file) for file in distribution("brickprof").files or ()]
    check(any(file.endswith("licenses/LICENSE") for file in files), "license")
    check(not [file for file in files if file.endswith((".pyx", ".c", ".o"))], files)
    versions = f"Python {sys.version.split()[0]}, NumPy {np.__version__}, {', '.join(bp.isas())}"
    compiler = shutil.which("cc") or shutil.which("gcc")
    print(f"smoke: brickprof {bp.__version__}, {versions}, compiler: {compiler}")


if __name__ == "__main__":
    main()
