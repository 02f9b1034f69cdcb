"""A running process's levels as text: rates since the last look, and totals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from brickprof.core import metrics, units
from brickprof.core.plain_text import printable
from brickprof.recording import BrickInfo, Recording
from brickprof.recording.tile_stats import TileStats
from brickprof.reports import layout

if TYPE_CHECKING:
    from rich.console import Console

_COLUMNS: layout.Columns = (
    ("", "left"),
    ("Tiles/s", "right"),
    ("GFLOP/s now", "right"),
    ("Busy now", "right"),
    ("Tiles", "right"),
    ("Avg", "right"),
    ("GFLOP/s", "right"),
    ("Time", "right"),
)

_NAME_WIDTH = 20

MAX_BRICKS = 6
"""Bricks that are shown, those of most wall time since the last look: all fit on a screen."""


def render(
    recording: Recording,
    before: Recording | None = None,
    elapsed_ns: int = 0,
    *,
    title: str = "",
    console: Console | None = None,
) -> str:
    """Render the levels of a recording that is still being added to.

    Parameters
    ----------
    recording : Recording
        The recording as it is now.
    before : Recording, optional
        The same at the last look; without it there are no rates.
    elapsed_ns : int
        Nanoseconds between the two.
    title : str
        What is shown.
    console : Console, optional
        Where it will be shown; by default one of `layout.WIDTH` columns without styles.

    Returns
    -------
    str
        With a newline at the end.
    """
    console = console or layout.plain_console()
    since = _Since(before if elapsed_ns > 0 else None, elapsed_ns)
    infos = sorted(recording.brick_infos, key=lambda info: (-since.wall_ns(info), -info.wall_ns))
    # Those of most recent time, in an order that stays.
    shown = sorted(infos[:MAX_BRICKS], key=lambda info: -info.wall_ns)
    rows = [row for info in shown for row in _brick_rows(recording, info, since)]
    lines = layout.packed(console, _items(recording, title, since))
    lines += ["", *layout.table(console, _COLUMNS, rows)] if rows else ["", "No tiles yet."]
    if len(infos) > len(shown):
        rest = units.format_count(len(infos) - len(shown))
        lines += ["", f"and {rest} more, of less wall time"]
    return layout.text_of(lines)


class _Since:
    """What was added since the last look."""

    def __init__(self, before: Recording | None, elapsed_ns: int) -> None:
        self.known = before is not None
        self.elapsed_ns = elapsed_ns
        self._tiles = {(one.brick, one.level): one for one in before.tiles} if before else {}
        self._walls = {info.name: info.wall_ns for info in before.brick_infos} if before else {}

    def wall_ns(self, info: BrickInfo) -> int:
        """Return the wall time that was added to a brick; 0 after a reset."""
        return max(info.wall_ns - self._walls.get(info.name, 0), 0)

    def added(self, tile: TileStats) -> tuple[int, int, int] | None:
        """Return the tiles, flops and time that were added to a level; None if that is unknown."""
        if not self.known:
            return None
        old = self._tiles.get((tile.brick, tile.level), TileStats(level=tile.level))
        added = (tile.count - old.count, tile.flops - old.flops, tile.total_ns - old.total_ns)
        return added if min(added) >= 0 else None  # a reset came between

    def busy(self, added_ns: int) -> str:
        """Return the share of the time since the last look that a time is."""
        return units.format_percent(metrics.share(added_ns, self.elapsed_ns))


def _items(recording: Recording, title: str, since: _Since) -> Iterator[str]:
    """Yield what the figures are of."""
    if title:
        yield title
    if recording.machine is not None:
        yield recording.machine.cpu
    if recording.open_tiles:
        yield f"{units.format_count(recording.open_tiles)} open"
    if since.known:
        yield f"rates of the last {units.format_ns(since.elapsed_ns)}"


def _brick_rows(recording: Recording, info: BrickInfo, since: _Since) -> Iterator[tuple[str, ...]]:
    """Yield the row of a brick and those of its levels."""
    busy = since.busy(since.wall_ns(info)) if since.known else "-"
    name = layout.clipped(printable(info.name), _NAME_WIDTH)
    yield name, "", "", busy, "", "", "", units.format_ns(info.wall_ns)
    for tile in recording.tiles:
        if tile.brick == info.name:
            yield (
                f"  {tile.level.label}",
                *_rates(since, tile),
                units.format_count(tile.count),
                units.format_ns(metrics.average_us(tile.total_ns, tile.count) * 1e3),
                units.format_number(tile.gflops) if tile.flops else "-",
                units.format_ns(tile.total_ns),
            )


def _rates(since: _Since, tile: TileStats) -> tuple[str, str, str]:
    """Return a level's tiles per second, its GFLOP/s and the share of time in it."""
    added = since.added(tile)
    if added is None:
        return "-", "-", "-"
    count, flops, time_ns = added
    return (
        units.format_number(metrics.throughput(count, since.elapsed_ns)),
        units.format_number(metrics.gflops(flops, time_ns)) if flops and time_ns else "-",
        since.busy(time_ns),
    )
