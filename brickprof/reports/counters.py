"""Counters of a time line: the rates of the tiles of a level, as they change over time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from brickprof.core.levels import TileLevel
from brickprof.diagnose.summary import Summary
from brickprof.diagnose.tile_rates import tile_bandwidth_gbs, tile_gflops
from brickprof.reports.tracks import Track

_RATES = {"GFLOP/s": tile_gflops, "GB/s": tile_bandwidth_gbs}


@dataclass(frozen=True, slots=True)
class Counter:
    """A rate of the tiles of one level on one track.

    Parameters
    ----------
    name : str
        What outputs call it.
    unit : str
        ``"GFLOP/s"`` or ``"GB/s"``.
    points : tuple of (int, float)
        Times in nanoseconds, ascending, and the rate from then on: that of the innermost open tile
        of the level, 0.0 where none is open whose rate is known.
    """

    name: str
    unit: str
    points: tuple[tuple[int, float], ...]


def counters(summary: Summary, tracks: Iterable[Track]) -> list[Counter]:
    """Return the counters of a recording's tracks, by track, level and unit.

    Parameters
    ----------
    summary : Summary
        The recording's.
    tracks : iterable of Track
        Its tracks.

    Returns
    -------
    list of Counter
        None for a level of which no tile's rate is known.
    """
    rows = {(brick.info.name, row.level): row for brick in summary.bricks for row in brick.levels}
    found = []
    for track in tracks:
        for level in TileLevel:
            for unit, rate_of in _RATES.items():
                rates = [
                    rate_of(event, rows[event.brick, event.level])
                    if (event.brick, event.level) in rows
                    else None
                    for event in track.events
                    if event.level is level
                ]
                if any(rates):
                    name = f"{level.label} {unit}, {track.name}"
                    found.append(Counter(name, unit, _points(track, level, rates)))
    return found


def _points(
    track: Track, level: TileLevel, rates: list[float | None]
) -> tuple[tuple[int, float], ...]:
    """Return when the rate of a level changes, and to what; of changes at one time the last."""
    points: dict[int, float] = {}
    open_rates = [0.0]
    following = iter(rates)
    for opens, at, event in track.steps():
        if event.level is not level:
            continue
        if opens:
            open_rates.append(next(following) or 0.0)
        else:
            open_rates.pop()
        points[at] = open_rates[-1]
    return tuple(points.items())
