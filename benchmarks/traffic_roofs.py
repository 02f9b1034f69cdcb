"""Hold measured roofs against likwid-bench: load, store, copy, update, daxpy, peak; interleaved.

Run as ``python -m benchmarks.traffic_roofs``. likwid-bench is Debian's package likwid; without it
the table holds brickprof's own figures alone.
"""

from __future__ import annotations

import re
import shutil
import subprocess

from brickprof.calibration import calibrate
from brickprof.machine import detect_machine
from brickprof.roofline import MEMORY

SIZES = {"L1": "24kB", "L2": "512kB", "L3": "16MB", "DRAM": "1GB"}
KINDS = {
    "load": "load_{isa}",
    "store": "store_{isa}",
    "copy": "copy_{isa}",
    "update": "update_{isa}",
    "daxpy": "daxpy_{isa}_fma",
    "nt-store": "store_mem_{isa}",
}
ROUNDS = 3


def likwid(test: str, size: str, unit: str) -> float:
    """Return the rate that likwid-bench prints for one thread, in GB/s or GFLOP/s."""
    command = ["likwid-bench", "-t", test, "-w", f"S0:{size}:1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(rf"{unit}:\s+([\d.]+)", done.stdout)
    return float(found[1]) / 1000 if found else 0.0


def main() -> None:
    """Measure both sides in turns and print the best of each with their ratio."""
    isa = {"avx512": "avx512", "avx2": "avx", "base": "sse"}[detect_machine().isa]
    outside = shutil.which("likwid-bench") is not None
    if not outside:
        print("likwid-bench is not installed: brickprof's own figures alone")
    ours: dict[tuple[str, str], float] = {}
    theirs: dict[tuple[str, str], float] = {}
    for _ in range(ROUNDS):
        roofs = calibrate(1, store=False)
        ours["peak", "float32"] = max(ours.get(("peak", "float32"), 0.0), roofs.peak_gflops)
        if outside:
            peak = likwid(f"peakflops_sp_{isa}_fma", "24kB", "MFlops/s")
            theirs["peak", "float32"] = max(theirs.get(("peak", "float32"), 0.0), peak)
        for memory in MEMORY:
            for kind, test in KINDS.items():
                key = memory, kind
                ours[key] = max(ours.get(key, 0.0), roofs.kinds_gbs(memory).get(kind, 0.0))
                if outside and ours[key]:
                    rate = likwid(test.format(isa=isa), SIZES[memory], "MByte/s")
                    theirs[key] = max(theirs.get(key, 0.0), rate)
    print(f"{'':14}{'brickprof':>10}{'likwid':>10}{'ratio':>8}")
    for (memory, kind), rate in ours.items():
        if rate:
            other = theirs.get((memory, kind), 0.0)
            ratio = f"{rate / other:8.3f}" if other else f"{'-':>8}"
            print(f"{memory:5} {kind:8}{rate:10.1f}{other:10.1f}{ratio}")


if __name__ == "__main__":
    main()
