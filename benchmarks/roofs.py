"""Measured roofs against likwid-bench, an outside opinion, in one run.

Both sides are measured alternately on one thread, on the same working sets; the ratio is that of
their best.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

import brickprof as bp
from benchmarks.ratios import Case
from benchmarks.rounds import rounded


def likwid(test: str, size: str, field: str) -> float:
    """Run one test on one thread and return MFlops/s or MByte/s, in units of 1e9."""
    command = ["likwid-bench", "-t", test, "-w", f"S0:{size}:1"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(rf"{field}:\s+([0-9.]+)", text)
    if not found:
        raise RuntimeError(f"{' '.join(command)} printed no {field}")
    return float(found[1]) / 1e3


def roof_cases(quick: bool) -> Iterator[Case]:
    """Measure both sides alternately; a smoke run takes the peak alone."""
    if not shutil.which("likwid-bench"):
        return
    wide = bp.detect_machine().isa == "avx512"
    peak_test = "peakflops_sp_avx512_fma" if wide else "peakflops_sp_avx_fma"
    load_test = "load_avx512" if wide else "load_avx"
    ours: dict[str, list[float]] = {}
    theirs: dict[str, list[float]] = {}
    for _ in range(1 if quick else 2):
        roofs = bp.calibrate(threads=1, store=False)
        ours.setdefault("peak", []).append(roofs.peak_gflops)
        theirs.setdefault("peak", []).append(likwid(peak_test, "16kB", "MFlops/s"))
        for memory, nbytes in {} if quick else roofs.working_set_bytes.items():
            size = f"{nbytes // 1024}kB"
            ours.setdefault(memory, []).append(roofs.bandwidth_gbs[memory])
            theirs.setdefault(memory, []).append(likwid(load_test, size, "MByte/s"))
    for name, found in ours.items():
        yield {
            "title": name,
            "unit": "GFLOP/s" if name == "peak" else "GB/s",
            "brickprof": [rounded(value) for value in found],
            "likwid": [rounded(value) for value in theirs[name]],
            "ratio": rounded(max(found) / max(theirs[name])),
        }
