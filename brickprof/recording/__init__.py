"""Recordings: what a profiler saw, how recordings add up, and how they are saved."""

from __future__ import annotations

from brickprof.recording.brick_paths import BrickPath, merge_brick_paths
from brickprof.recording.budgets import Budget, checked_budget, merge_budgets
from brickprof.recording.call_times import CallTimes, call_times_of
from brickprof.recording.checksums import Checksum, merge_checksums
from brickprof.recording.merge import merge_recordings, merge_teams
from brickprof.recording.parts import (
    CLOCK_SOURCES,
    DEFAULT_BRICK,
    MIXED,
    WORK_SOURCES,
    BrickInfo,
    ClockInfo,
    Overhead,
    TeamTimes,
    ThreadUsage,
    TileEvent,
)
from brickprof.recording.recording import Recording, load_recording
from brickprof.recording.tile_grid import GridCell, SlowTile, TileGrid
from brickprof.recording.tile_stats import sum_tile_stats, summed_tiles

__all__ = [
    "CLOCK_SOURCES",
    "DEFAULT_BRICK",
    "MIXED",
    "WORK_SOURCES",
    "BrickInfo",
    "BrickPath",
    "Budget",
    "CallTimes",
    "Checksum",
    "ClockInfo",
    "GridCell",
    "Overhead",
    "Recording",
    "SlowTile",
    "TeamTimes",
    "ThreadUsage",
    "TileEvent",
    "TileGrid",
    "call_times_of",
    "checked_budget",
    "load_recording",
    "merge_brick_paths",
    "merge_budgets",
    "merge_checksums",
    "merge_recordings",
    "merge_teams",
    "sum_tile_stats",
    "summed_tiles",
]
