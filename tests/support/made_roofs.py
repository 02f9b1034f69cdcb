"""Roofs of a machine that is made up, and any other valid ones."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import strategies as st

from brickprof.core.dtypes import DTYPE_NAMES, KERNEL_DTYPES
from brickprof.machine import Cache, Machine
from brickprof.roofline import (
    MEMORY,
    Roofs,
)

MACHINE = Machine(
    cpu="Test CPU",
    arch="x86_64",
    isa="avx2",
    isas=("avx2", "base"),
    physical_cores=4,
    logical_cores=8,
    usable_cores=8,
    quota_cores=None,
    caches=(
        Cache(1, 32 * 1024, 64, 2, 8),
        Cache(2, 512 * 1024, 64, 2, 8),
        Cache(3, 32 * 1024**2, 64, 8, 16),
    ),
    assumed=(),
)

ROOFS = Roofs(
    threads=1,
    dtype="float32",
    isa="avx2",
    cpu="Test CPU",
    fingerprint=MACHINE.fingerprint(),
    peak_by_dtype={"float32": 116.0, "float64": 58.0},
    bandwidth_gbs={"L1": 200.0, "L2": 108.0, "L3": 69.0, "DRAM": 25.0},
    spread=dict.fromkeys((*KERNEL_DTYPES, *MEMORY), 0.02),
    working_set_bytes={"L1": 16384, "L2": 262144, "L3": 8388608, "DRAM": 268435456},
    measured_at="2024-05-01T12:00:00+00:00",
    method="full",
    noisy=False,
    verdict="steady",
)

# A busy machine makes examples slow, which says nothing about the code.
rates = st.floats(0.1, 1e4)


@st.composite
def any_roofs(draw: st.DrawFn) -> Roofs:
    """Draw any valid roofs."""
    dtypes = draw(st.lists(st.sampled_from(DTYPE_NAMES), min_size=1, unique=True))
    return replace(
        ROOFS,
        threads=draw(st.integers(1, 256)),
        dtype=draw(st.sampled_from(dtypes)),
        peak_by_dtype={dtype: draw(rates) for dtype in dtypes},
        bandwidth_gbs={name: draw(rates) for name in MEMORY},
        spread={name: draw(st.floats(0, 10)) for name in (*dtypes, *MEMORY)},
        noisy=draw(st.booleans()),
        verdict=draw(st.text(min_size=1).filter(str.strip)),
    )


def without(name: str, key: str) -> dict[str, float]:
    """Return a table of ROOFS less one key."""
    return {k: v for k, v in getattr(ROOFS, name).items() if k != key}


BAD_FIELDS: list[tuple[str, object, str]] = [
    ("threads", 0, "threads"),
    ("threads", True, "threads"),
    ("threads", 1.0, "threads"),
    ("dtype", "float16", "dtype"),
    ("isa", "", "isa"),
    ("cpu", None, "cpu"),
    ("fingerprint", 7, "fingerprint"),
    ("peak_by_dtype", {"float64": 1.0}, "peak_by_dtype.*float32"),
    ("peak_by_dtype", {"float32": 0.0}, "peak_by_dtype.*float32"),
    ("peak_by_dtype", 116.0, "peak_by_dtype"),
    ("bandwidth_gbs", {**ROOFS.bandwidth_gbs, "L2": -1.0}, "bandwidth_gbs.*L2"),
    ("bandwidth_gbs", {**ROOFS.bandwidth_gbs, "L2": math.nan}, "bandwidth_gbs.*L2"),
    ("bandwidth_gbs", {**ROOFS.bandwidth_gbs, "L2": math.inf}, "bandwidth_gbs.*L2"),
    ("bandwidth_gbs", {**ROOFS.bandwidth_gbs, "L2": "9"}, "bandwidth_gbs.*L2"),
    ("bandwidth_gbs", {**ROOFS.bandwidth_gbs, "L2": 10**400}, "bandwidth_gbs.*L2"),
    ("bandwidth_gbs", without("bandwidth_gbs", "DRAM"), "bandwidth_gbs.*DRAM"),
    ("spread", {**ROOFS.spread, "L1": -0.1}, "spread.*L1"),
    ("spread", without("spread", "float64"), "spread.*float64"),
    ("spread", [], "spread"),
    ("working_set_bytes", {**ROOFS.working_set_bytes, "L3": 0}, "working_set_bytes.*L3"),
    ("working_set_bytes", {**ROOFS.working_set_bytes, "L3": 1.5}, "working_set_bytes.*L3"),
    ("measured_at", "yesterday", "measured_at"),
    ("measured_at", "2024-05-01T12:00:00", "measured_at"),
    ("measured_at", "2024-05-01T12:00:00+02:00", "measured_at"),
    ("measured_at", 5, "measured_at"),
    ("method", "slow", "method"),
    ("noisy", 0, "noisy"),
    ("verdict", "", "verdict"),
]
