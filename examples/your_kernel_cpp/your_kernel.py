"""Calls the kernel in C++ by ctypes, with a recorder where there is a profiler."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import brickprof as bp

NAMES = ("develop_in_steps", "develop_fused")


def load(path: str | Path) -> ctypes.CDLL:
    """Load the library that CMake built."""
    library = ctypes.CDLL(str(path))
    address, real = ctypes.c_void_p, ctypes.c_float
    for name in NAMES:
        function = getattr(library, name)
        function.argtypes = [address, address, address, ctypes.c_size_t, real, real]
        function.restype = None
    return library


def develop(
    library: ctypes.CDLL,
    name: str,
    raw: NDArray[np.float32],
    out: NDArray[np.float32],
    profiler: Any = None,
    black: float = 0.05,
    gain: float = 1.2,
) -> None:
    """Develop a photograph by one of the two functions.

    Parameters
    ----------
    library : ctypes.CDLL
        What `load` returned.
    name : {"develop_in_steps", "develop_fused"}
        The function, and the brick that a profiler records.
    raw, out : arrays of float32
        Of one shape, in row-major order; they may not overlap.
    profiler : brickprof.BrickProfiler, optional
    black, gain : float, optional
        What is taken from a pixel, and what it is then multiplied by.

    Raises
    ------
    ValueError
        If `raw` or `out` is not as said.
    """
    for array in (raw, out):
        if array.dtype != np.float32 or not array.flags.c_contiguous or array.shape != raw.shape:
            raise ValueError("raw and out must be float32, in row-major order, of one shape")
    if np.shares_memory(raw, out) or not out.flags.writeable:
        raise ValueError("out must be writeable, and apart from raw")
    function = getattr(library, name)
    arguments = (raw.ctypes.data, out.ctypes.data, raw.size, black, gain)
    if profiler is None:
        function(None, *arguments)
        return
    with profiler.recorders(name, dtype="float32") as (handle,):
        function(bp.recorder_address(handle), *arguments)
