"""Limits that several floors share: the largest counts and sizes."""

from __future__ import annotations

MAX_THREADS = 4096
"""Thread counts above this are taken for a mistake."""

MAX_BLOCK = 2**40
"""Sizes of blocks and caches above this are taken for a mistake, and would pass 64 bits."""

MAX_SIZE = 2**63 - 1
"""The largest size, stride or count that an argument may give: what a C ssize_t holds."""

MAX_INTEGER = 2**512
"""The largest integer that a saved recording may hold: no rate of two such overflows a float."""

MAX_GRID = 1024
"""The most cells along an edge of a grid of tiles: 24 MiB for each row on each thread."""
