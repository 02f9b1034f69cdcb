"""Measured roofs against likwid-bench, an outside opinion, in one run.

    python benchmarks/roofs.py [--rounds N]

Needs ``likwid-bench`` (Debian's package likwid) on the PATH. Both sides are measured in turns on
one thread, on the same working sets; the ratio is that of their best.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys

import brickprof as bp


def likwid(test: str, size: str, field: str) -> float:
    """Run one test on one thread and return MFlops/s or MByte/s, in units of 1e9."""
    command = ["likwid-bench", "-t", test, "-w", f"S0:{size}:1"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(rf"{field}:\s+([0-9.]+)", text)
    if not found:
        sys.exit(f"{' '.join(command)} printed no {field}")
    return float(found[1]) / 1e3


def main() -> None:
    """Measure both sides in turns and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if not shutil.which("likwid-bench"):
        sys.exit("likwid-bench is not installed (Debian: apt install likwid)")
    wide = bp.detect_machine().isa == "avx512"
    peak_test = "peakflops_sp_avx512_fma" if wide else "peakflops_sp_avx_fma"
    load_test = "load_avx512" if wide else "load_avx"
    ours: dict[str, list[float]] = {}
    theirs: dict[str, list[float]] = {}
    for _ in range(args.rounds):
        roofs = bp.calibrate(threads=1, store=False)
        ours.setdefault("peak", []).append(roofs.peak_gflops)
        theirs.setdefault("peak", []).append(likwid(peak_test, "16kB", "MFlops/s"))
        for memory, nbytes in roofs.working_set_bytes.items():
            ours.setdefault(memory, []).append(roofs.bandwidth_gbs[memory])
            theirs.setdefault(memory, []).append(
                likwid(load_test, f"{nbytes // 1024}kB", "MByte/s")
            )
    print(f"{'roof':8}{'brickprof':>12}{'likwid':>12}{'ratio':>8}   all, in turns")
    for name, values in ours.items():
        pairs = "  ".join(f"{a:.1f}/{b:.1f}" for a, b in zip(values, theirs[name], strict=True))
        best, other = max(values), max(theirs[name])
        print(f"{name:8}{best:12.1f}{other:12.1f}{best / other:8.2f}   {pairs}")


if __name__ == "__main__":
    main()
