"""Names and limits that several floors share: element types, instruction sets, largest counts."""

from __future__ import annotations

ITEMSIZES = {"float32": 4, "float64": 8}
"""Bytes of an element, by dtype."""

DTYPES = tuple(ITEMSIZES)
"""The element types that kernels take and that have a peak."""

ISAS = ("avx512", "avx2", "neon", "base")
"""The instruction sets that kernels are written for, best first."""

MOST_THREADS = 4096
"""Thread counts above this are taken for a mistake."""

LARGEST_BLOCK = 2**40
"""Sizes of blocks and caches above this are taken for a mistake, and would pass 64 bits."""

LARGEST_INTEGER = 2**512
"""The largest integer that a saved recording may hold: no rate of two such overflows a float."""
