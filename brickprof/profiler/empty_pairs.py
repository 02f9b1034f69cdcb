"""Empty start/stop pairs, written as a user writes them: what the timer's cost is measured on."""

from __future__ import annotations

from typing import Any

from brickprof.core.levels import TileLevel

PAIRS = 8
"""Pairs in one call of the functions below."""


def call_pairs(prof: Any) -> None:
    """Open and close tiles through start_tile and stop_tile."""
    timer = prof.start_tile(TileLevel.MICRO, 0, 0)
    prof.stop_tile(timer, 0, 0)
    timer = prof.start_tile(TileLevel.MICRO, 0, 0)
    prof.stop_tile(timer, 0, 0)
    timer = prof.start_tile(TileLevel.MICRO, 0, 0)
    prof.stop_tile(timer, 0, 0)
    timer = prof.start_tile(TileLevel.MICRO, 0, 0)
    prof.stop_tile(timer, 0, 0)
    timer = prof.start_tile(TileLevel.MICRO, 0, 0)
    prof.stop_tile(timer, 0, 0)
    timer = prof.start_tile(TileLevel.MICRO, 0, 0)
    prof.stop_tile(timer, 0, 0)
    timer = prof.start_tile(TileLevel.MICRO, 0, 0)
    prof.stop_tile(timer, 0, 0)
    timer = prof.start_tile(TileLevel.MICRO, 0, 0)
    prof.stop_tile(timer, 0, 0)


def block_pairs(prof: Any) -> None:
    """Open and close tiles through ``with prof.tile(...)``."""
    with prof.tile(TileLevel.MICRO, 0, 0):
        pass
    with prof.tile(TileLevel.MICRO, 0, 0):
        pass
    with prof.tile(TileLevel.MICRO, 0, 0):
        pass
    with prof.tile(TileLevel.MICRO, 0, 0):
        pass
    with prof.tile(TileLevel.MICRO, 0, 0):
        pass
    with prof.tile(TileLevel.MICRO, 0, 0):
        pass
    with prof.tile(TileLevel.MICRO, 0, 0):
        pass
    with prof.tile(TileLevel.MICRO, 0, 0):
        pass


def no_pairs(prof: Any) -> None:
    """Do nothing: the cost of calling the functions above."""
