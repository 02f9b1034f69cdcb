"""Probes: each does the work that it says, and refuses what it cannot do."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from support.kernel_checks import ISAS

from brickprof.core.dtypes import DTYPE_NAMES, KERNEL_DTYPES
from brickprof.kernels.probes import (
    CEILINGS,
    TRAFFICS,
    has_probe,
    link_lines,
    probe_ceiling,
    probe_latency,
    probe_load,
    probe_peak,
    probe_traffic,
)
from brickprof.roofline import model

BYTES = 4096

each_isa = pytest.mark.parametrize("isa", ISAS)


def aligned(size: int) -> NDArray[np.uint8]:
    """Return bytes that begin at a cache line."""
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size]


def test_kinds_and_ceilings_are_those_of_roofs() -> None:
    assert sorted(TRAFFICS) == sorted(model.TRAFFIC_KINDS)
    assert sorted((*CEILINGS, "exp")) == sorted(model.CEILINGS)


@each_isa
@pytest.mark.parametrize("kind", TRAFFICS)
def test_traffic_moves_what_it_says(isa: str, kind: str) -> None:
    if not has_probe(kind, "float32", isa):
        pytest.skip(f"{isa} has no {kind}")
    data = aligned(BYTES).view(np.float32)
    data[:] = 3.0
    moved = probe_traffic(kind, data.view(np.uint8), 2, isa)
    assert moved == 2 * BYTES * {"copy": 1, "update": 2, "daxpy": 1.5}.get(kind, 1)
    wanted = {"store": 1.0, "nt-store": 1.0, "zero-store": 0.0}.get(kind, 3.0)
    assert (data == wanted).all()
    assert probe_load(data.view(np.uint8), 3, isa) == 3 * BYTES


@each_isa
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ceilings_count_their_operations(isa: str, dtype: str) -> None:
    for name in model.CEILINGS:
        if has_probe(name, dtype, isa):
            once = probe_ceiling(name, dtype, 1, isa)
            assert once > 0
            assert probe_ceiling(name, dtype, 5, isa) == 5 * once
        else:
            with pytest.raises(ValueError, match="name must be a ceiling"):
                probe_ceiling(name, dtype, 1, isa)
    assert probe_ceiling("scalar-chain", dtype, 7, isa) == 14


@each_isa
@pytest.mark.parametrize("dtype", DTYPE_NAMES)
def test_peaks_count_their_operations(isa: str, dtype: str) -> None:
    if has_probe("peak", dtype, isa):
        once = probe_peak(dtype, 1, isa)
        assert once > 0
        assert probe_peak(dtype, 7, isa) == 7 * once
    else:
        assert dtype not in KERNEL_DTYPES
        with pytest.raises(ValueError, match="dtype must be one that this CPU multiplies in"):
            probe_peak(dtype, 1, isa)


def test_lines_are_followed_in_one_circle() -> None:
    data = aligned(64 * 50)
    link_lines(data, np.random.default_rng(0).permutation(50))
    links = data.view(np.uint64).reshape(50, 8)[:, 0]
    seen, at = set(), 0
    for _ in range(50):
        seen.add(at)
        at = int(links[at] - data.ctypes.data) // 64
    assert (len(seen), at) == (50, 0)
    assert probe_latency(data, 3) == 300


def test_buffers_that_will_not_do_are_refused() -> None:
    data = aligned(BYTES)
    with pytest.raises(ValueError, match="contiguous and writeable"):
        probe_traffic("store", data[::2], 1)
    with pytest.raises(ValueError, match="aligned to 64 bytes"):
        probe_traffic("store", data[8:], 1)
    data.flags.writeable = False
    with pytest.raises(ValueError, match="contiguous and writeable"):
        probe_traffic("store", data, 1)


class Larger(np.ndarray):  # type: ignore[type-arg]
    """An array that says that it is larger than it is."""

    @property
    def nbytes(self) -> int:
        return 1 << 40


def test_probes_load_what_an_array_holds_and_nothing_else() -> None:
    data = aligned(BYTES)
    assert probe_load(data.view(Larger), 1) == BYTES
    assert probe_traffic("store", data.view(Larger), 1) == BYTES
    for call in (
        lambda: probe_load(None, 1),  # type: ignore[arg-type]
        lambda: probe_traffic("store", None, 1),  # type: ignore[arg-type]
        lambda: probe_latency(None, 1),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError, match="data must be a numpy array, got NoneType"):
            call()
