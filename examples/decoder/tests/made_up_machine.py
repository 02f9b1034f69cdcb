"""A machine and its roofs, made up so that tests know what they must come to."""

from __future__ import annotations

import brickprof as bp

MEMORIES = ("L1", "L2", "L3", "DRAM")

MACHINE = bp.Machine.from_json(
    {
        "cpu": "Test CPU 3000",
        "arch": "x86_64",
        "isa": "avx2",
        "isas": ["avx2", "base"],
        "physical_cores": 2,
        "logical_cores": 2,
        "usable_cores": 2,
        "quota_cores": None,
        "caches": [
            {"level": level, "size_bytes": size, "line_bytes": 64, "shared_by": 1, "ways": 8}
            for level, size in ((1, 32 * 1024), (2, 512 * 1024), (3, 32 * 1024**2))
        ],
        "assumed": [],
    }
)

# Ridges: L1 0.5, L2 1, L3 2, DRAM 4 flop/byte.
ROOFS = bp.Roofs(
    threads=1,
    dtype="float32",
    isa=MACHINE.isa,
    cpu=MACHINE.cpu,
    fingerprint=MACHINE.fingerprint(),
    peak_by_dtype={"float32": 80.0},
    bandwidth_gbs={"L1": 160.0, "L2": 80.0, "L3": 40.0, "DRAM": 20.0},
    spread=dict.fromkeys(("float32", *MEMORIES), 0.02),
    working_set_bytes=dict.fromkeys(MEMORIES, 4096),
    measured_at="2024-05-01T12:00:00+00:00",
    method="full",
    noisy=False,
    verdict="steady",
)
