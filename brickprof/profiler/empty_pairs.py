"""Start/stop pairs, written as a user writes them: what the timer's cost is measured on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from brickprof.core.levels import TileLevel

PAIRS = 4
"""Pairs in one call of the functions below."""

Work = Callable[[], object]


def call_pairs(prof: Any, work: Work) -> None:
    """Open and close tiles through start_tile and stop_tile."""
    timer = prof.start_tile(TileLevel.MICRO, 0, 0)
    prof.stop_tile(timer, 0, 0)
    timer = prof.start_tile(TileLevel.MICRO, 0, 0)
    prof.stop_tile(timer, 0, 0)
    timer = prof.start_tile(TileLevel.MICRO, 0, 0)
    prof.stop_tile(timer, 0, 0)
    timer = prof.start_tile(TileLevel.MICRO, 0, 0)
    prof.stop_tile(timer, 0, 0)


def call_pairs_around(prof: Any, work: Work) -> None:
    """Open and close tiles through start_tile and stop_tile around work."""
    timer = prof.start_tile(TileLevel.MICRO, 0, 0)
    work()
    prof.stop_tile(timer, 0, 0)
    timer = prof.start_tile(TileLevel.MICRO, 0, 0)
    work()
    prof.stop_tile(timer, 0, 0)
    timer = prof.start_tile(TileLevel.MICRO, 0, 0)
    work()
    prof.stop_tile(timer, 0, 0)
    timer = prof.start_tile(TileLevel.MICRO, 0, 0)
    work()
    prof.stop_tile(timer, 0, 0)


def block_pairs(prof: Any, work: Work) -> None:
    """Open and close tiles through ``with prof.tile(...)``."""
    with prof.tile(TileLevel.MICRO, 0, 0):
        pass
    with prof.tile(TileLevel.MICRO, 0, 0):
        pass
    with prof.tile(TileLevel.MICRO, 0, 0):
        pass
    with prof.tile(TileLevel.MICRO, 0, 0):
        pass


def block_pairs_around(prof: Any, work: Work) -> None:
    """Open and close tiles through ``with prof.tile(...)`` around work."""
    with prof.tile(TileLevel.MICRO, 0, 0):
        work()
    with prof.tile(TileLevel.MICRO, 0, 0):
        work()
    with prof.tile(TileLevel.MICRO, 0, 0):
        work()
    with prof.tile(TileLevel.MICRO, 0, 0):
        work()


def no_pairs(prof: Any, work: Work) -> None:
    """Do nothing: the cost of calling the functions above."""


def work_alone(prof: Any, work: Work) -> None:
    """Do the work of the functions above without tiles."""
    work()
    work()
    work()
    work()


def numpy_calls() -> tuple[Work, Work]:
    """Return calls of NumPy: one as short as they get, and one on a few cache lines."""
    few, many = np.ones(16), np.ones(512)
    few_sums, many_sums = np.empty(16), np.empty(512)
    return lambda: np.add(few, few, few_sums), lambda: np.add(many, many, out=many_sums)
